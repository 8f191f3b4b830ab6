# make book   environment, all runs at paper scale, the book in _build/html, checked
# make test   environment, the whole test suite (it builds a small-scale site and reads it)
SHELL := /bin/bash
PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# Whatever the shell says, bytecode is kept: else every command, kernel and worker compiles what it imports.
unexport PYTHONDONTWRITEBYTECODE
# Seconds since make was started, for the book's table of where the time goes.
STARTED := $(shell date +%s)
SECONDS_SO_FAR = $$(( $$(date +%s) - $(STARTED) ))

.DEFAULT_GOAL := help
.PHONY: help environment book test test-science bench mutants lint lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22
	@echo "  options: JOBS=2 (notebooks side by side), PYTHON=python3 (the interpreter of the environment)"

environment: $(VENV)/ready ## the pinned packages, isaclib and the workshop in .venv

$(VENV)/packages: requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, this is {v.major}.{v.minor}: name another one with make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo $(SECONDS_SO_FAR) > $(VENV)/seconds-packages
	@touch $@

$(VENV)/ready: $(VENV)/packages pyproject.toml compendium/pyproject.toml
	@echo $(SECONDS_SO_FAR) > $(VENV)/before-isaclib
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable ./compendium
	@echo $$(( $(SECONDS_SO_FAR) - $$(cat $(VENV)/before-isaclib) )) > $(VENV)/seconds-isaclib
	@touch $@

book: $(VENV)/ready ## all runs at paper scale, then the book (_build/html), then its check
	$(BIN)/isac book --jobs $(JOBS)

# What takes longest is begun first (tests/conftest.py); one thread for each worker.
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python $(COVERAGE) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations=20

# What the suite executes of both packages in its own processes, printed at the end (costs a twentieth; kernels and commands it starts are not seen).
test: COVERAGE = -m slipcover --source isaclib,compendium --omit 'compendium/template/*' --skip-covered --missing-width 60
test: $(VENV)/ready ## the whole test suite, and what of the packages it executes
	$(PYTEST)

test-science: $(VENV)/ready ## the tests of isaclib alone
	$(PYTEST) -m science

bench: $(VENV)/ready ## timings, as ratios in one run on this machine
	$(BIN)/isac bench

mutants: $(VENV)/ready ## would the tests notice? CHAPTER=wireless_powered SEED=0 COUNT=80 (long)
	$(BIN)/python benchmarks/mutants.py $(CHAPTER) --seed $(or $(SEED),0) --count $(or $(COUNT),80)

lint: $(VENV)/ready ## style, contracts between packages, declared packages, spelling, types
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	PYTHONPATH=. $(BIN)/lint-imports --no-cache
	$(BIN)/deptry isaclib
	$(BIN)/deptry compendium notebooks tests benchmarks --config compendium/pyproject.toml
	$(BIN)/codespell isaclib compendium book notebooks tests benchmarks *.md
	$(BIN)/mypy

lock: ## resolve requirements.lock again (needs uv)
	uv pip compile pyproject.toml compendium/pyproject.toml --all-extras --no-strip-extras --no-emit-package isaclib --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --python-version 3.11 --output-file requirements.lock

dist: $(VENV)/ready ## sdist and wheel in dist/, built and checked; with a built book also the archive for a DOI
	$(BIN)/python .ci/dist.py

clean: ## remove everything that was made, except the environment
	rm -rf build _build dist notebooks/*/*.ipynb .pytest_cache .ruff_cache *.egg-info
	find . -path ./$(VENV) -prune -o -name __pycache__ -exec rm -rf {} +
