# Every target makes the virtual environment when it is missing or older than the pins; nothing else is needed than
# make and Python 3.11 or newer with its venv module (Debian, Ubuntu: apt install make python3-venv).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PINS := $(VENV)/.pins
READY := $(VENV)/.ready
WORKERS ?= auto
FUZZ_SECONDS ?= 60
CORPUS ?= $(AOAI_AUDIT_CORPUS)/dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo test check bench bench-detection fuzz golden lock clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

venv: $(READY) ## make the virtual environment

$(PINS): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old; give one from 3.11 on: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "$(PYTHON) has no venv module; install it: apt install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

$(READY): $(PINS) pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(READY) ## run the main job on sample_logs/ and show what it finds
	rm -rf demo
	$(BIN)/aoai-audit run sample_logs --db demo/audit.duckdb --register sample_logs/register.csv --reports demo/reports

test: $(READY) ## the tests
	$(BIN)/python -m pytest -n $(WORKERS)

check: $(READY) ## format, lint, types, imports, rules and what they cover, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m analyzer rules check
	$(BIN)/python -m analyzer rules coverage
	$(BIN)/python docs/build.py --check

bench: $(READY) ## cost of a run on 0.5 GB, of each log shape, of search and rules; fails out of the limits
	failed=0; for what in loads bench scan; do $(BIN)/python -m benchmarks.$$what || failed=$$?; done; exit $$failed

bench-detection: $(READY) ## how well the labelled corpus in CORPUS is judged; fails when a figure fell below the best
	$(BIN)/python -m benchmarks.detection $(CORPUS)

fuzz: $(READY) ## hostile bytes through reader, shapes and bodies; FUZZ_SECONDS=60, Linux
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.txt
	$(BIN)/python -m fuzzing.logs fuzzing/corpus -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1

golden: $(READY) ## write the generated documents and the files that tests compare with
	$(BIN)/python docs/build.py
	AOAI_AUDIT_GOLDEN=write $(BIN)/python -m pytest -n $(WORKERS)

lock: ## write requirements*.txt from pyproject.toml (needs uv)
	uv pip compile $(LOCK) pyproject.toml --output-file requirements.txt
	uv pip compile $(LOCK) --extra dev pyproject.toml --output-file requirements-dev.txt
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

clean: ## remove all that is made, the virtual environment too
	rm -rf $(VENV) demo bench dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
