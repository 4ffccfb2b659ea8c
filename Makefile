# Everything is run through make: it creates .venv from the hashed lock and needs only Python 3.11 or newer, make and git.

PYTHON ?= python3
BIN := .venv/bin
MADE := .venv/.made
CODE := services operator charts tests examples
IMAGES := router auth providers operator standalone
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --no-emit-index-url
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help up test check format bench lock clean

help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 10

$(MADE): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

up: $(MADE) ## run a gateway with the echo provider until Ctrl-C (ARGS="-f gateway.yaml" for another)
	@exec $(BIN)/aigw up $(if $(findstring -f ,$(ARGS) ),,--echo) $(ARGS)

test: $(MADE) ## run all tests (ARGS="tests/unit -x" for some)
	$(BIN)/python -m pytest $(ARGS)

check: $(MADE) ## format, lint, types, import rules, generated files, fast tests
	$(BIN)/ruff format --check --quiet $(CODE)
	$(BIN)/ruff check --quiet $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests/unit tests/golden tests/conformance tests/test_repository.py

format: $(MADE) ## put the code into shape
	$(BIN)/ruff check --fix --quiet $(CODE)
	$(BIN)/ruff format --quiet $(CODE)

bench: $(MADE) ## CPU per request and per streamed chunk beside nginx, in one run
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

lock: $(MADE) ## resolve the dependencies anew into requirements/
	$(LOCK) --upgrade --all-extras --group dev --output-file requirements/dev.txt pyproject.toml
	for service in $(IMAGES); do \
	  $(LOCK) --constraint requirements/dev.txt --extra $$service --output-file requirements/$$service.txt pyproject.toml || exit; \
	done
	$(LOCK) --constraint requirements/dev.txt --group build --output-file requirements/build.txt

clean: ## remove what make has made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
