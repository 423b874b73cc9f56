# make demo    train cells and variants on handwritten digits; writes runs/demo/report.html
# make test    all tests
# make lint    formatting, style, types, layers
# make bench   every benchmark, its output kept under benchmarks/results
#
# Each builds .venv first where it is missing or older than pyproject.toml or constraints.txt.
# PYTHON=python3.12 picks an interpreter; SYSTEM_TORCH=1 keeps the torch that it already has.

SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp$(if $(SYSTEM_TORCH),-system-torch)
WORKERS ?= auto

# A torch that lies on local disk is taken from there, by uv as by pip (which needs spaces,
# where uv needs commas).
comma := ,
space := $(subst ,, )
export UV_FIND_LINKS ?= $(subst $(space),$(comma),$(strip $(PIP_FIND_LINKS)))

.PHONY: setup demo test lint bench docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt tools/setup.sh
	VENV="$(VENV)" PYTHON="$(PYTHON)" SYSTEM_TORCH="$(SYSTEM_TORCH)" tools/setup.sh
	touch $@

demo: $(STAMP)
	$(BIN)/nascope demo $(DEMO)

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) $(TEST)

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

docs: $(STAMP)
	$(BIN)/python tools/command_reference.py docs/reference/commands.md

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
