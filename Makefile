# Everything is built and kept inside this folder: .venv is the environment, .build holds caches and Airflow's files.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CONSTRAINTS := constraints/airflow-3.3.txt

export UV_CACHE_DIR := $(CURDIR)/.build/uv-cache
export PIP_CACHE_DIR := $(CURDIR)/.build/pip-cache
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export AIRFLOW_HOME := $(CURDIR)/.build/airflow
export PYTHONPYCACHEPREFIX := $(CURDIR)/.build/pycache
# Airflow takes seconds longer to start when its bytecode may not be kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help environment demo test lint format constraints clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

environment: .venv/ready ## build the environment

.venv/ready: pyproject.toml $(CONSTRAINTS)
	@echo "==> Building the environment in .venv (Airflow and what the project needs)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.11 …" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(CONSTRAINTS) --group test --group lint --editable '.[simulator]'
	@touch $@

demo: .venv/ready ## stop a call's stream by real Airflow, against the simulator
	@$(BIN)/python scripts/demo.py

test: .venv/ready ## run every test
	@$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=95

lint: .venv/ready ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: .venv/ready ## let ruff put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

constraints: .venv/ready ## resolve the newest versions and write the constraints file anew
	@$(BIN)/uv pip compile --quiet --no-header --no-annotate --upgrade --python-version 3.11 --extra simulator --group test --group lint pyproject.toml --output-file $(CONSTRAINTS)

clean: ## remove what the other commands made
	rm -rf .venv .build dist .coverage .coverage.*
