# Tastegraph: every task of a developer and of a newcomer. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
WORKERS ?= 2
DEMO_ARGS ?=
BENCH_HOUSEHOLDS ?= 20
SEED ?= 1
SECONDS ?= 60
CONTROL ?=
ONLY ?=
BREAKING ?=

##@ First steps

.PHONY: demo
demo: $(VENV)/.demo ## Load a real shop, make an email and a board, and keep serving
	@$(BIN)/tastegraph demo $(DEMO_ARGS)

.PHONY: setup
setup: $(VENV)/.dev ## Make .venv with everything that a developer needs
	@echo "ready: $(BIN)/tastegraph"

.PHONY: test
test: $(VENV)/.dev ## Run every test, in two processes with servers of their own (WORKERS=2)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: nightly
nightly: $(VENV)/.dev ## Run what is left to the night: five processes on all the real servers
	$(BIN)/python -m pytest -m nightly $(PYTEST_ARGS)

##@ Checks

.PHONY: check
check: format-check lint types layers test ## Everything that CI runs

.PHONY: format
format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: format-check
format-check: $(VENV)/.dev ## Say whether the code is formatted
	$(BIN)/ruff format --check .

.PHONY: lint
lint: $(VENV)/.dev ## Look for mistakes
	$(BIN)/ruff check .

.PHONY: types
types: $(VENV)/.dev ## Check the types, strictly
	$(BIN)/mypy

.PHONY: layers
layers: $(VENV)/.dev ## Check who may import whom
	$(BIN)/lint-imports

##@ Real servers

.PHONY: engines
engines: $(VENV)/.dev ## Install and start Kafka, Neo4j, MongoDB's protocol, Redis, S3 and a proxy, without Docker
	@PYTHONPATH=tests $(BIN)/python -m servers up

.PHONY: engines-down
engines-down: ## End exactly the servers that `make engines` started
	@PYTHONPATH=tests $(BIN)/python -m servers down

.PHONY: chaos
chaos: $(VENV)/.dev ## Harm the whole system at random under load, and judge it (SECONDS=60 SEED=1; CONTROL=1 must fail)
	@PYTHONPATH=tests $(BIN)/python -m chaos --seconds $(SECONDS) --seed $(SEED) $(if $(CONTROL),--control) $(if $(ONLY),--only $(ONLY))

##@ Deployment

.PHONY: compose-verify
compose-verify: ## Ask Docker Compose whether docker-compose.yml is right (needs Go, no Docker engine)
	@deploy/verify/compose.sh

.PHONY: k8s-verify
k8s-verify: $(VENV)/.dev ## Ask a real Kubernetes API server whether the manifests are right (needs Go, no cluster)
	@deploy/verify/k8s.sh

##@ Benchmarks

.PHONY: bench
bench: $(VENV)/.dev ## Measure the real path and the boards at a small size (BENCH_HOUSEHOLDS=20)
	$(BIN)/python bench/year.py $(BENCH_HOUSEHOLDS)
	$(BIN)/python bench/board.py

##@ Upkeep

.PHONY: openapi
openapi: $(VENV)/.dev ## Write docs/openapi.json anew from the code; refuses what breaks clients (BREAKING=1 allows it)
	@PYTHONPATH=tests $(BIN)/python -m servers.openapi $(if $(BREAKING),--breaking)

.PHONY: lock
lock: $(VENV)/.dev ## Lock the dependencies anew, with hashes and without naming an index
	lock() { $(BIN)/uv pip compile -q --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 "$$@"; }; \
	lock requirements/bootstrap.in -o requirements/bootstrap.txt; \
	lock requirements/build.in -o requirements/build.txt; \
	lock pyproject.toml --extra demo --no-emit-package tastegraph -c requirements/constraints.in -o requirements/demo.txt; \
	lock pyproject.toml --extra dev --no-emit-package tastegraph -c requirements/demo.txt -o requirements/dev.txt; \
	for service in ingest graph email visionboard gateway embedded; do \
	  lock pyproject.toml --extra $$service --extra distributed --no-emit-package tastegraph -c requirements/dev.txt -o requirements/$$service.txt; \
	done

.PHONY: clean
clean: ## Remove what was made here (the data directory stays)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*##/ {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv comes first, by hash; it installs the rest from the lock in seconds.
$(VENV)/.bootstrap: requirements/bootstrap.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.demo: $(VENV)/.bootstrap requirements/build.txt requirements/demo.txt pyproject.toml
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/build.txt -r requirements/demo.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements/dev.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
