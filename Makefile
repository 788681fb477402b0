# Everything happens in .venv; Python 3.11 or newer, git and make are all that has to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
LOWEST := .venv-lowest
# TORCH=cpu takes CPU builds of torch (smaller), where the network has them.
TORCH ?= default
DEMO := outputs/demo
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -e ".[weights,dev]"
# Files in the order of tests/conftest.py; with bytecode, as many processes import the same.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo reproduce test test-fast test-all test-lowest lint format typecheck bench bench-all soak tensorboard clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## install everything into .venv (TORCH=cpu for CPU builds)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "installing into $(VENV) (a few minutes the first time)"
ifeq ($(TORCH),cpu)
	@$(INSTALL) --torch-backend=cpu 2> $(VENV)/uv.log || \
	  { echo "no CPU builds of torch within reach ($(VENV)/uv.log): taking the default ones"; $(INSTALL); }
else
	@$(INSTALL)
endif
	@touch $@

demo: $(STAMP) ## train three tasks on generated images, evaluate, draw predictions
	@rm -rf $(DEMO)
	$(BIN)/mtl train experiment=demo hydra.run.dir=$(DEMO)
	@echo
	@echo "predictions: $(DEMO)/figures"
	@echo "curves:      make tensorboard"

reproduce: $(STAMP) ## the articles' eight systems over three seeds, to one report: some 60 trainings
	$(BIN)/python -m benchmarks.reproduce

test: $(STAMP) ## run the tests, with a sample of large sets of combinations
	$(PYTEST)

test-fast: $(STAMP) ## run those that take no training, about a minute
	$(PYTEST) -m "not slow"

test-all: $(STAMP) ## run the tests with all combinations
	$(PYTEST) --all-combinations

test-lowest: $(STAMP) ## run the quick ones with the oldest packages that are allowed, in .venv-lowest
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct -e ".[weights,dev]"
	$(LOWEST)/bin/python -m pytest -n auto --dist loadfile -m "not slow" -W default

lint: $(STAMP) ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP) ## put the code into style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(STAMP) ## check types
	$(BIN)/mypy

bench: $(STAMP) ## measure against the goals, a few minutes
	$(BIN)/python -m benchmarks

bench-all: $(STAMP) ## the slower measurements too
	$(BIN)/python -m benchmarks --all

soak: $(STAMP) ## 300 jobs with failures and kills, by two engines, some minutes
	$(BIN)/python -m benchmarks.soak grid joblib

tensorboard: $(STAMP) ## show all runs at http://localhost:6006
	$(BIN)/tensorboard --logdir outputs

clean: ## remove caches and what was built, but no runs and no .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
