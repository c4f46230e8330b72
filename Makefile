# Every target says what it does while it does it, and is quick when there is nothing left to do.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR: # an environment that was cut short is made anew
.PHONY: help demo test lint bench bench-fanout soak schema constraints

VENV := .venv
BIN := $(VENV)/bin
VENV_PYTHON := $(BIN)/python
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
PIP := $(BIN)/pip --disable-pip-version-check install --quiet --quiet --constraint constraints.txt

help:
	@echo "make demo     serve the demo at http://127.0.0.1:$${LXBC_PORT:-8000}/graphql"
	@echo "make test     run everything that tests: lint, types, floors, tests"
	@echo "make lint     run ruff, mypy and import-linter"
	@echo "make bench    measure requests per second and CPU per request against the limit and plain Strawberry"
	@echo "make bench-fanout  measure one event sent to many, beside a bare socket, node and Strawberry"
	@echo "make soak     break everything on purpose, under load, and say what holds"
	@echo "make schema   print the schema to schema/schema.graphql"

include web/build.mk
include tests/browser/build.mk
include tests/clients/build.mk

demo: $(RUNTIME)
	@$(MAKE) --no-print-directory pages || echo "pages: not built; GraphiQL will not open, the API will"
	@exec $(BIN)/lxbc-graph demo

test: lint $(BROWSER) $(CLIENTS)
	@echo "test: pytest"
	@$(BIN)/pytest --quiet --numprocesses auto

lint: $(DEVELOPMENT) $(PAGES)
	@echo "lint: ruff"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@echo "lint: mypy"
	@$(BIN)/mypy --no-error-summary
	@echo "lint: floors"
	@$(BIN)/lint-imports > $(VENV)/floors.txt || { cat $(VENV)/floors.txt; exit 1; }

bench: $(DEVELOPMENT)
	@$(VENV_PYTHON) -m bench

bench-fanout: $(DEVELOPMENT)
	@VENV_PYTHON=$(abspath $(VENV_PYTHON)) $(VENV_PYTHON) -m bench.fanout

soak: $(DEVELOPMENT)
	@failed=0; $(VENV_PYTHON) -m tests.soak || failed=1; $(MAKE) bench-fanout || failed=1; exit $$failed

schema: $(RUNTIME)
	@$(BIN)/lxbc-graph schema

# After a change of dependencies.
constraints: $(DEVELOPMENT)
	@$(PIP) uv
	@$(BIN)/uv pip compile --quiet --universal --extra dev --no-emit-index-url --no-header --no-annotate \
		--python-version 3.11 --upgrade --output-file constraints.txt pyproject.toml

$(VENV_PYTHON):
	@for python in python3 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
			echo "environment: making $(VENV) with $$($$python --version)"; \
			exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo "environment: Python 3.11, 3.12 or 3.13 is needed" >&2; exit 1

$(RUNTIME): pyproject.toml constraints.txt | $(VENV_PYTHON)
	@echo "environment: installing what it runs on (about a minute the first time)"
	@$(PIP) --editable .
	@touch $@

$(DEVELOPMENT): pyproject.toml constraints.txt | $(VENV_PYTHON)
	@echo "environment: installing what it is tested with"
	@$(PIP) --editable '.[dev]'
	@touch $(RUNTIME) $@
