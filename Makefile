# Every target installs what it needs into .venv by itself. Needed beforehand: Python 3.11 or
# newer (another one than python3: `make figures PYTHON=python3.12`) and make.

PYTHON ?= python3
PROFILE ?= quick
BIN := .venv/bin
FIRST_NOTEBOOK = $(firstword $(sort $(wildcard notebooks/[0-9][0-9]_*.ipynb notebooks/[0-9][0-9]_*.py)))

# pip must not tell of its own updates, nor the kernels of debugging matters
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list these targets
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

.PHONY: figures
figures: .venv/installed ## run the notebooks, rebuild figures/ (ONLY=02: one notebook; PROFILE=full: all sizes)
	@$(BIN)/python notebooks/rebuild.py --profile "$(PROFILE)" --only "$(ONLY)"

.PHONY: notebooks
notebooks: .venv/installed ## for maintainers: run them and renew the committed .ipynb (ONLY=02: one)
	@$(BIN)/python notebooks/rebuild.py --renew --profile "$(PROFILE)" --only "$(ONLY)"

# Each file's tests stay on one worker: the cells of a notebook share a kernel.
.PHONY: test
test: .venv/installed-test ## lint, unit and property tests, doctests, every notebook against its output
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: lab
lab: .venv/installed ## open JupyterLab at the first notebook (LAB_ARGS=--allow-root: more options)
	JUPYTER_CONFIG_DIR="$(CURDIR)/.jupyter" $(BIN)/jupyter lab $(LAB_ARGS) \
		--ServerApp.root_dir="$(CURDIR)" $(FIRST_NOTEBOOK)

.PHONY: site
site: .venv/installed-site ## build site/: all notebooks, widgets and documentation as pages to read offline
	@$(BIN)/python docs/publish.py

.PHONY: bench
bench: .venv/installed-bench ## run every benchmark in benchmarks/
	@set -e; for benchmark in benchmarks/bench_*.py; do \
		echo "== $$benchmark"; $(BIN)/python "$$benchmark" $(BENCH_ARGS); done

.PHONY: clean
clean: ## remove .venv and everything else that make built, but not figures/
	rm -rf .venv build site .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: clean-cache
clean-cache: .venv/installed ## delete the cached training runs and say how much room they took
	@$(BIN)/python -m modadd --clear-cache

# The environment. A stamp file is written last, so that an interrupted installation is taken up
# again, and one that is complete is redone only when the lists of packages change. Each stamp
# adds to the one before it: who only wants the figures need not wait for the benchmarks' JAX.

PACKAGES := pyproject.toml constraints.txt

.venv/installed: $(PACKAGES)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "modadd needs Python 3.11 or newer; $(PYTHON) is: $$("$(PYTHON)" --version 2>&1)" >&2; \
		echo "Name a newer one, for example: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12" >&2; \
		exit 1; }
	@echo "Installing the packages into .venv: once, a few minutes, one to several GB (PyTorch)"
	@"$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable .
	@touch $@

.venv/installed-test: .venv/installed
	@echo "Installing the packages for the tests into .venv"
	@$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[test]'
	@touch $@

.venv/installed-site: .venv/installed
	@echo "Installing the packages for the site into .venv"
	@$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[site]'
	@touch $@

.venv/installed-bench: .venv/installed
	@echo "Installing the packages for the benchmarks into .venv"
	@$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[bench]'
	@touch $@
