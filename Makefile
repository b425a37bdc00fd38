# Every target sets itself up in .venv; nothing but Python 3.11+ is needed.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN ?= runs/digits

.PHONY: help demo test test-slow test-faults check lint docs format install clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/.made: pyproject.toml launch/make_venv.sh
	@sh launch/make_venv.sh "$(PYTHON)" "$(VENV)"
	@touch $@

install: $(BIN)/.made ## make .venv with jaxgan and its development tools

demo: $(BIN)/.made ## train a small BigGAN on real digits (about 5 minutes on 2 cores), and score it
	@$(BIN)/jaxgan train --config=biggan:digits16 --workdir=$(RUN)

test: $(BIN)/.made ## run the tests that are neither slow nor of faults, which have targets of their own
	@$(BIN)/python -m pytest -m 'not slow and not faults' -n 3 --dist worksteal

# SHARD=1/4 is the first of four parts, which are disjoint and together are all.
test-slow: $(BIN)/.made ## run the tests that take minutes each; SHARD=1/4 for a quarter of them
	@SHARD="$(SHARD)" $(BIN)/python -m pytest -m slow -n 2 --dist worksteal --timeout=1800

test-faults: $(BIN)/.made ## kill, stop and damage real runs, for some minutes
	@$(BIN)/python -m pytest -m faults -n 2 --dist worksteal --timeout=1800

lint: $(BIN)/.made ## check format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

docs: $(BIN)/.made ## build the documentation's site in build/site (half a minute); a broken link or reference fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file docs/site/mkdocs.yml

format: $(BIN)/.made ## put the code in order
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

check: lint test ## everything that must pass: format, lint, types, tests

clean: ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
