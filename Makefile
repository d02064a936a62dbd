# make grid | make test: each sets everything up from nothing.  PYTHON=python3.12 chooses another interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A machine that brings its own torch (a GPU machine, say): make VENV_FLAGS=--system-site-packages CONSTRAINTS=
VENV_FLAGS ?=
CONSTRAINTS ?= -c constraints.txt
# Tests run side by side; one file in one process: make test PYTEST_FLAGS=
PYTEST_FLAGS ?= -n auto --maxprocesses=8 --dist=worksteal

.PHONY: help setup grid report test gate lint bench coverage docs pages clean

help:
	@echo "make grid   set up, then run the demo grid on the synthetic herd"
	@echo "make report set up, then write pages to look at the results into report/"
	@echo "make test   set up, then lint, type-check and test"
	@echo "make gate   is every number what it was? a very small herd, computed anew (half a minute)"
	@echo "make lint   ruff and mypy only"
	@echo "make bench  side-by-side speed measurements"
	@echo "make coverage  lines and branches that the tests reach"
	@echo "make docs   build the documentation into site/, without a network"
	@echo "make pages  write the generated pages of the documentation anew"
	@echo "make clean  remove the virtual environment"

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("CPython 3.11 or later is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV_FLAGS) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) --editable ".[dev]"
	touch $@

grid: setup
	$(BIN)/harness run --grid

report: setup
	$(BIN)/harness report

lint: setup
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

test: lint
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

# A store of its own, so that everything is computed; one thread, since sums are rounded by their number.
gate: setup
	rm -rf build/gate
	OMP_NUM_THREADS=1 HARNESS_DEVICE=cpu $(BIN)/harness run --grid gate --quiet --store build/gate/store --results build/gate/results > /dev/null
	$(BIN)/harness compare gate build/gate/results

bench: setup
	$(BIN)/python -m pytest benchmarks --benchmark-only

coverage: setup
	$(BIN)/python -m pytest $(PYTEST_FLAGS) --cov --cov-report=term --cov-report=html:build/coverage

docs: setup
	$(BIN)/python -m mkdocs build --strict

pages: setup
	$(BIN)/python docs/_make/pages.py
	$(BIN)/harness plugins page --out docs/plugins.md

clean:
	rm -rf $(VENV) build site *.egg-info
