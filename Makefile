# Everything runs in a virtual environment of its own, made on first use: Python 3.11 or newer and make are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint types floors check bench docs lambda clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    audit an emulated account; leaves demo-report/report.html"
	@echo "make test    run the tests"
	@echo "make check   lint, types, import floors and tests: what CI runs"
	@echo "make bench   measure a scan behind set latency"
	@echo "make docs    write the generated documentation and the generated parts of the templates anew"
	@echo "make lambda  build the Lambda package for both architectures into dist/"

$(READY): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo "no venv here: trying virtualenv"; $(PYTHON) -m pip install --quiet --user virtualenv && $(PYTHON) -m virtualenv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/auditor demo --output demo-report

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadscope

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

floors: $(READY)
	$(BIN)/lint-imports

check: lint types floors test

bench: $(READY)
	$(BIN)/python -m benchmarks.scan

docs: $(READY)
	$(BIN)/python -m docs.generate
	$(BIN)/python -m deploy.generate

lambda: $(READY)
	$(BIN)/python -m deploy.build --output dist

clean:
	rm -rf $(VENV) demo-report .pytest_cache .mypy_cache .ruff_cache .hypothesis
