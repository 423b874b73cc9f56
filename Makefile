# make demo    train cells and variants on handwritten digits; writes runs/demo/report.html
# make test    all tests
# make lint    formatting, style, types, layers
# make bench   every benchmark, its output kept under benchmarks/results
# make peers   .venv-peers with the libraries that benchmarks and tests compare with
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

.PHONY: setup demo test lint bench peers docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt tools/setup.sh
	VENV="$(VENV)" PYTHON="$(PYTHON)" SYSTEM_TORCH="$(SYSTEM_TORCH)" tools/setup.sh
	touch $@

demo: $(STAMP)
	$(BIN)/nascope demo $(DEMO)

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(TEST)

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

# Apart from .venv and without their dependencies, since they would bring a torchvision, and with it
# another torch. NASCOPE_PEERS=.venv-peers/bin/python tells benchmarks and tests of it.
peers:
	$(or $(PYTHON),python3) -m venv .venv-peers
	.venv-peers/bin/pip install -q -c constraints.txt torch numpy scipy safetensors packaging tqdm
	.venv-peers/bin/pip install -q --no-deps backpack-for-pytorch==1.7.1 einops unfoldNd==0.2.3 \
	  hessian-eigenthings==1.0.0a5

docs: $(STAMP)
	$(BIN)/python tools/command_reference.py docs/reference/commands.md

clean:
	rm -rf $(VENV) .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
