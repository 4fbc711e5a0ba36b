# Everything is built inside this folder: .venv is the environment, .build has caches and Airflow's files.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints/airflow-3.3.txt
CHROMIUM := /usr/bin/chromium

export UV_CACHE_DIR := $(CURDIR)/.build/uv-cache
export PIP_CACHE_DIR := $(CURDIR)/.build/pip-cache
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export AIRFLOW_HOME := $(CURDIR)/.build/airflow
export PYTHONPYCACHEPREFIX := $(CURDIR)/.build/pycache
# Without bytecode files, Airflow takes seconds longer to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help environment demo test coverage lint lint-workflows format docs constraints clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

environment: $(VENV)/ready ## build the environment

$(VENV)/ready: pyproject.toml $(CONSTRAINTS)
	@echo "==> Building the environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d: make PYTHON=python3.11 …" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(CONSTRAINTS) --group test --group lint --group docs --editable '.[simulator]'
	@touch $@

demo: $(VENV)/ready ## start and stop a stream in real Airflow, against the simulator
	@$(BIN)/python scripts/demo.py

PYTEST := $(BIN)/python -m pytest -n 4 --no-loadscope-reorder
test: $(VENV)/ready ## run every test
	@$(PYTEST) tests

coverage: $(VENV)/ready ## measure which code the unit tests run
	@$(PYTEST) tests/unit --cov --cov-report=term --cov-fail-under=95

lint: $(VENV)/ready ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lint-workflows: $(VENV)/ready-workflows ## actionlint and zizmor on the GitHub workflows
	@$(BIN)/actionlint
	@$(BIN)/zizmor --quiet --offline --persona auditor .github

format: $(VENV)/ready ## format the code with ruff
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/ready ## build the documentation into .build/docs/html
	@$(BIN)/python scripts/copy_examples.py --check
	@$(BIN)/python scripts/check_links.py
	@$(BIN)/sphinx-build -E -W -n --keep-going -q -b html -d .build/docs/doctrees docs .build/docs/html
	@echo "==> .build/docs/html/index.html"

constraints: $(VENV)/ready ## resolve the newest versions and write the constraints file
	@$(BIN)/uv pip compile --quiet --no-header --no-annotate --upgrade --python-version 3.11 --extra simulator --group test --group lint --group docs --group ui --group cluster --group fuzz --group release --group security --group workflows pyproject.toml --output-file $(CONSTRAINTS)

clean: ## remove everything that the other commands created
	rm -rf .venv .build dist .coverage .coverage.*

.PHONY: ui test-ui

ui: $(VENV)/ready ## run Airflow's UI with the simulator, a connection, calls and the example DAGs; Ctrl-C stops it
	@$(BIN)/python scripts/ui.py

test-ui: $(VENV)/ready-ui $(CHROMIUM) ## test Airflow's UI in a browser (installs Debian's chromium)
	@$(BIN)/python -m pytest tests/ui
	@echo "==> The screenshots are in .build/ui-screenshots"

$(VENV)/ready-ui: $(VENV)/ready
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(CONSTRAINTS) --group ui
	@touch $@

$(CHROMIUM):
	@test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo "make test-ui needs $(CHROMIUM): as root, apt-get install chromium"; exit 1; }
	@echo "==> Installing Debian's chromium"
	@apt-get update -qq
	@DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium >/dev/null

.PHONY: test-matrix constraints-matrix test-wheel

VERSIONS ?=
test-matrix: $(VENV)/ready ## unit tests and example DAGs on every supported Airflow; VERSIONS="lowest 3.3-3.12" for some
	@$(BIN)/python scripts/test_matrix.py $(VERSIONS)

constraints-matrix: $(VENV)/ready ## write the constraints files of the older Airflow versions
	@$(BIN)/python scripts/resolve_constraints.py $(VERSIONS)

test-wheel: $(VENV)/ready ## build the wheel, install it into a new environment with Airflow, and test it
	@$(BIN)/python -m pytest tests/packaging

.PHONY: release-check

release-check: $(VENV)/ready-release ## build the files of a release in dist, test them, and list them
	@$(BIN)/python scripts/release_check.py

.PHONY: smoke

ARGS ?=
smoke: $(VENV)/ready ## compare SignalWire with the simulator; read-only without ARGS="--yes …"
	@$(BIN)/python scripts/smoke.py $(ARGS)

.PHONY: bench

BENCH := .build/bench/venv
FIGURES ?=
bench: $(BENCH)/ready ## compare performance with other clients and write benchmarks/RESULTS.md; FIGURES="one_stop imports" for some
	@$(BENCH)/bin/python -m benchmarks $(FIGURES)

$(BENCH)/ready: $(VENV)/ready pyproject.toml $(CONSTRAINTS)
	@echo "==> Building the benchmarks' environment in $(BENCH) (Airflow, the vendor's SDK, the HTTP provider)"
	@test -x $(BENCH)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(BENCH)
	@$(BIN)/uv pip install --quiet --python $(BENCH)/bin/python --constraint $(CONSTRAINTS) --group bench --editable '.[simulator]'
	@touch $@

.PHONY: test-chaos test-celery test-journal test-triggerer

POSTGRES := $(or $(lastword $(wildcard /usr/lib/postgresql/*/bin/postgres)),/usr/lib/postgresql/postgres)
REDIS := /usr/bin/redis-server
test-chaos: $(VENV)/ready-cluster $(POSTGRES) ## kill components of a real Airflow and simulate outages; SHORT=1 for a shorter run
	@$(BIN)/python -m pytest tests/cluster/test_chaos.py

test-celery: $(VENV)/ready-cluster $(POSTGRES) $(REDIS) ## kill one of three Celery workers that share a rate limit; SHORT=1 for a shorter run
	@$(BIN)/python -m pytest tests/cluster/test_celery.py

test-journal: $(VENV)/ready-cluster $(POSTGRES) ## test cleanup by journal in a real Airflow while tasks are killed; SHORT=1 for a shorter run
	@$(BIN)/python -m pytest tests/cluster/test_journal.py

test-triggerer: $(VENV)/ready-cluster $(POSTGRES) ## mark and clear deferred tasks in a real Airflow, and check that their streams stop
	@$(BIN)/python -m pytest tests/cluster/test_run_stream.py

$(VENV)/ready-cluster: $(VENV)/ready
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(CONSTRAINTS) --group cluster
	@touch $@

$(POSTGRES): PACKAGE := postgresql
$(REDIS): PACKAGE := redis-server
$(POSTGRES) $(REDIS):
	@test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { echo "$@ is missing: as root, apt-get install $(PACKAGE)"; exit 1; }
	@echo "==> Installing Debian's $(PACKAGE)"
	@apt-get update -qq
	@DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(PACKAGE) >/dev/null

.PHONY: fault-matrix public-api

fault-matrix: $(VENV)/ready ## run every fault in every scenario and write docs/reliability/fault-matrix.md
	@FAULT_MATRIX_WRITE=1 $(BIN)/python -m pytest tests/faults

public-api: $(VENV)/ready ## record the public signatures in tests/unit/public_api.txt
	@PUBLIC_API_WRITE=1 $(BIN)/python -m pytest -q tests/unit/test_public_api.py

.PHONY: mutants

SAMPLE ?= 3
SEED ?= 1
PACKAGES ?=
mutants: $(VENV)/ready ## test random mutants of the code and list those that no unit test detects; PACKAGES="hooks batch" for some
	@$(BIN)/python scripts/mutants.py --sample $(SAMPLE) --seed $(SEED) $(PACKAGES)

.PHONY: fuzz audit sbom

EXAMPLES ?= 1000000
SECONDS_AT_MOST ?= 3600
fuzz: $(VENV)/ready-fuzz ## generate a million responses; EXAMPLES=… and SECONDS_AT_MOST=… for fewer
	@$(BIN)/python tests/fuzz/fuzz_responses.py --examples $(EXAMPLES) --seconds $(SECONDS_AT_MOST)

audit: $(VENV)/ready-security ## check the dependencies for known vulnerabilities; requires pypi.org
	@$(BIN)/python scripts/supply_chain.py audit

sbom: $(VENV)/ready-security ## write the dependencies to .build/sbom.cdx.json in CycloneDX format
	@$(BIN)/python scripts/supply_chain.py sbom

$(VENV)/ready-fuzz $(VENV)/ready-release $(VENV)/ready-security $(VENV)/ready-workflows: $(VENV)/ready-%: $(VENV)/ready
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(CONSTRAINTS) --group $*
	@touch $@
