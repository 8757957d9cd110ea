# Every target sets up what it needs on a fresh machine, says what it does, and is quick the second time.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
# Written last by scripts/setup, so that a set-up that broke off is done again.
READY := .venv/.complete

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## make .venv with the pinned packages (nothing to do when the lock file is unchanged)

$(READY): requirements/dev.txt pyproject.toml scripts/setup
	@scripts/setup

.PHONY: demo
demo: $(READY) ## start a broker, the whole pipeline and the simulators, and show a return go through
	@$(BIN)/returnstreams demo

.PHONY: test
test: broker ## run all tests, against real Kafka brokers started for the run
	@echo "test: all tests, the brokers' among them, two files at a time (most of their time they wait)"
	@$(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: chaos
chaos: broker ## break the pipeline at random for a minute and count what that did (CHAOS="--seconds 600 --state rocks")
	@$(BIN)/python -m tests.chaos $(CHAOS)

.PHONY: check
check: $(READY) ## lint, format, types, import rules, drift of the generated schemas
	@echo "check: ruff";           $(BIN)/ruff check .
	@echo "check: ruff format";    $(BIN)/ruff format --check .
	@echo "check: mypy --strict";  $(BIN)/mypy
	@echo "check: import rules";   $(BIN)/lint-imports --no-logo
	@echo "check: schemas";        $(BIN)/python -m contracts.schemas --check; $(BIN)/python -m producers.openapi --check

.PHONY: format
format: $(READY) ## put the code into its standard form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: schemas
schemas: $(READY) ## write contracts/schemas, asyncapi.yaml and openapi.json anew from the code
	@$(BIN)/python -m contracts.schemas
	@$(BIN)/python -m producers.openapi

WHAT ?= check
.PHONY: shopify-schema
shopify-schema: $(READY) ## hold the GraphQL documents against Shopify's official schema (WHAT=write: make our part of it anew)
	@$(BIN)/python scripts/shopify_schema.py $(WHAT) --only-if-npm

.PHONY: broker
broker: $(READY) ## fetch Kafka's jars (39 MB) once into the user's cache and check every hash
	@$(BIN)/python -m demo.broker --resolve

# Faust and Quix in a venv of their own: the product's pins stay the product's.
.venv-bench/.complete: requirements/bench.txt $(READY)
	@echo "bench-engine: making .venv-bench with the packages pinned in requirements/bench.txt"
	@$(BIN)/python -m venv --clear .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

.PHONY: bench-restore
bench-restore: broker ## rows restored a second, and how soon a restart with rows on disk is ready (10 minutes)
	@$(BIN)/python -m benchmarks.restore

.PHONY: bench-orders
bench-orders: broker ## a table of a million orders: memory, disk, restart, and how soon one is shown (5 minutes)
	@$(BIN)/python -m benchmarks.order_table

.PHONY: bench-engine
bench-engine: broker .venv-bench/.complete ## throughput beside Faust, Quix and hand-written loops (20 minutes)
	@$(BIN)/python -m benchmarks.engine --peers .venv-bench

.PHONY: bench-orders-sync
bench-orders-sync: broker ## 50,000 orders imported beside webhooks that get lost, killed ten times, reconciled (20 minutes)
	@$(BIN)/python -m benchmarks.orders_sync

.PHONY: bench-latency
bench-latency: broker ## webhook to action beside a bare chain of as many hops (10 minutes)
	@$(BIN)/python -m benchmarks.latency

.PHONY: bench-forward
bench-forward: broker ## deliveries a second beside a bare client loop (10 minutes)
	@$(BIN)/python -m benchmarks.forward

.PHONY: bench-ingress
bench-ingress: broker ## the ingress under load beside a handler that only answers (15 minutes; needs wrk)
	@$(BIN)/python -m benchmarks.ingress

# mutmut alone; everything else it finds in .venv, but for the package under test.
.venv-mutants/.complete: requirements/mutants.txt $(READY)
	@echo "mutants: making .venv-mutants with the packages pinned in requirements/mutants.txt"
	@$(BIN)/python -m venv --clear .venv-mutants
	@.venv-mutants/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/mutants.txt
	@site='import sysconfig; print(sysconfig.get_path("purelib"))'; \
	  $(BIN)/python -c "$$site" > "$$(.venv-mutants/bin/python -c "$$site")/dev.pth"
	@touch $@

MUTANTS ?= streams.domain.*
.PHONY: mutants
mutants: .venv-mutants/.complete ## mutate streams/domain (MUTANTS="streams.domain.money.*") and see which tests notice
	@.venv-mutants/bin/python scripts/mutants.py run --max-children 1 "$(MUTANTS)"
	@.venv-mutants/bin/python scripts/mutants.py table

# As for the mutants: atheris alone.
.venv-fuzz/.complete: requirements/fuzz.txt $(READY)
	@echo "fuzz: making .venv-fuzz with the packages pinned in requirements/fuzz.txt"
	@$(BIN)/python -m venv --clear .venv-fuzz
	@.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	@site='import sysconfig; print(sysconfig.get_path("purelib"))'; \
	  $(BIN)/python -c "$$site" > "$$(.venv-fuzz/bin/python -c "$$site")/dev.pth"
	@touch $@

FUZZ ?= -max_total_time=300
.PHONY: fuzz
fuzz: .venv-fuzz/.complete ## any bytes as requests to the ingress, guided by coverage (FUZZ="-max_total_time=60"; Python 3.11)
	@.venv-fuzz/bin/python -m tests.fuzz $(FUZZ)

.PHONY: lock
lock: $(READY) ## pin the newest versions that pyproject.toml allows, with hashes, in requirements/
	@for set in "run" "dev --all-extras"; do \
	  set -- $$set; out=$$1; shift; echo "lock: requirements/$$out.txt"; \
	  $(BIN)/uv pip compile pyproject.toml "$$@" --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --custom-compile-command 'make lock' --quiet -o requirements/$$out.txt; \
	done
	@for out in mutants fuzz; do echo "lock: requirements/$$out.txt"; \
	  $(BIN)/uv pip compile requirements/$$out.in -c requirements/dev.txt --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-annotate --custom-compile-command 'make lock' --quiet -o requirements/$$out.txt; \
	done
	@echo "lock: requirements/bench.txt"
	@$(BIN)/uv pip compile requirements/bench.in --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command 'make lock' --quiet -o requirements/bench.txt

.PHONY: clean
clean: ## remove the venvs and every cache of this clone (the jar cache is the user's and stays)
	@echo "clean: the venvs and the tools' caches"
	@rm -rf .venv .venv-bench .venv-mutants .venv-fuzz mutants fuzz build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
