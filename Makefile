# make demo      train cells and variants on handwritten digits; writes runs/demo/report.html
# make test      run the tests; TEST=tests/cells runs some of them, SLOW=1 the slowest, too
# make coverage  run the tests and print the share of src lines that they run
# make lint      check formatting, style, types and layers
# make docs      run the code of pages, regenerate the references and build site/index.html
# make package   build the source distribution and the wheel in dist/, and check them
# make fuzz      try every reader on a million damaged and odd files; FUZZ="--count 5000" on fewer
# make bench     run every benchmark; results are stored in benchmarks/results by kind of machine
# make bench-gpu run the benchmarks and tests that need a GPU
# make peers     build .venv-peers with the libraries that benchmarks and tests compare with
#
# Each target first builds .venv if it is missing, and updates it if it is older than pyproject.toml
# or constraints.txt. TORCH=cpu installs PyTorch without CUDA: 0.5 GB to download instead of 3 GB,
# which is what PyPI's build for Linux needs.
# PYTHON=python3.12 selects an interpreter; SYSTEM_TORCH=1 keeps the torch that it already has.

SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp$(if $(SYSTEM_TORCH),-system-torch)
WORKERS ?= auto

# If pip is given a local folder of packages, uv uses it too. pip separates folders by spaces, uv by
# commas.
comma := ,
space := $(subst ,, )
export UV_FIND_LINKS ?= $(subst $(space),$(comma),$(strip $(PIP_FIND_LINKS)))

.PHONY: setup demo test coverage lint bench bench-gpu peers docs fuzz package clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt tools/setup.sh
	VENV="$(VENV)" PYTHON="$(PYTHON)" TORCH="$(TORCH)" SYSTEM_TORCH="$(SYSTEM_TORCH)" \
	  tools/setup.sh
	touch $@

demo: $(STAMP)
	$(BIN)/nascope demo $(DEMO)

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder \
	  $(if $(SLOW),,-m "not slow") $(TEST)

# Slower than `make test`. Its last line is the share of lines; its status is that of the tests.
coverage: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(TEST); \
	status=$$?; \
	$(BIN)/coverage combine --quiet && \
	$(BIN)/coverage report --skip-covered --sort=cover && \
	total=$$($(BIN)/coverage report --format=total --precision=1) && \
	echo "coverage: $$total % of src lines" && \
	exit $$status

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	for script in benchmarks/[a-z]*.py; do \
	  [ $$script = benchmarks/gpu.py ] || $(BIN)/python $$script || exit 1; \
	done
	$(BIN)/python benchmarks/_table.py

# In under nine minutes; GPU=--dry tries it at tiny sizes on any device, and keeps nothing.
bench-gpu: $(STAMP)
	$(BIN)/python benchmarks/gpu.py $(GPU)

# A separate environment, without the libraries' dependencies: torchvision would install another
# torch. It finds torch and NumPy in $(VENV). Benchmarks and tests use it if
# NASCOPE_PEERS=.venv-peers/bin/python is set.
peers: $(STAMP)
	$(BIN)/python -m venv .venv-peers
	$(BIN)/python -c "import site; print(site.getsitepackages()[0])" \
	  > $$(.venv-peers/bin/python -c "import site; print(site.getsitepackages()[0])")/venv.pth
	.venv-peers/bin/pip install -qq --no-deps backpack-for-pytorch==1.7.1 einops unfoldNd==0.2.3 tqdm \
	  hessian-eigenthings==1.0.0a5 pyhessian==0.1 \
	  curvlinops-for-pytorch==3.0.1 einconv==0.1.0 linear_operator==0.6.1 jaxtyping==0.3.11

docs: $(STAMP)
	$(BIN)/python tools/command_reference.py docs/reference/commands.md
	$(BIN)/python tools/python_reference.py docs/reference/python.md
	$(BIN)/python tools/executed_pages.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# Goes on where an interrupted one stopped. The last line is a summary; the status is 1 if an input
# ended in anything but a result or a clean error, or took over 2 s or 500 MB.
fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz --state runs/fuzz/state.json $(FUZZ)

package: $(STAMP)
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*

clean:
	rm -rf $(VENV) .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
