# Every target sets up what it needs: a virtual environment in .venv, and data where it can be had.
PYTHON ?= python3
OUT ?= demo-out
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo test test-full check lint types docs bench data clean

help:
	@echo "make demo       remember and recall thousands of pictures; a page to look at"
	@echo "make test       all tests"
	@echo "make test-full  the long forms too: every kill point, many property runs"
	@echo "make check      what CI runs: lint, types, documentation, tests"
	@echo "make docs       the documentation, into site/"
	@echo "make bench      speed and accuracy at full size, into docs/"

demo: .venv/demo data
	rm -rf $(OUT)
	$(BIN)/mnemic demo --out $(OUT)

test: .venv/dev data
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term

test-full: .venv/dev data
	MNEMIC_LONG=1 OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term

check: lint types docs test

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/pyright

docs: .venv/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: .venv/dev data
	$(BIN)/python -m benchmarks --out docs/benchmarks

data:
	@sh scripts/data.sh

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet -c constraints.txt -e .
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@ .venv/demo

clean:
	rm -rf .venv .data site $(OUT)
