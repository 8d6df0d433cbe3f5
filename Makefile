# Every command a person types. `make` alone lists them.

PYTHON ?= python3
ENGINE ?= embedded
N ?= 500
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-heavy fuzz cluster interop lint format types contracts check docs docs-check migration migration-check sdk sdk-check bench peers peers-hermes services proto proto-check lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## prepare .venv with the locked dependencies and the huitong command

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Huitong needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP) ## two zones exchange a document; leaves the evidence in ./out; ENGINE=cometbft: four validators each
	$(BIN)/huitong demo --engine $(ENGINE) --out out

test: $(STAMP) ## the everyday tests, shuffled and in parallel
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not heavy"

test-heavy: $(STAMP) ## minutes-long lanes: kill -9 under load, long property runs
	$(BIN)/python -m pytest -m heavy --ignore=tests/cluster --ignore=tests/interop --ignore=tests/api/gateway/test_fuzzed.py

fuzz: $(STAMP) ## every REST operation by every role with what it may and may not take; N=500 examples each
	HUITONG_FUZZ_EXAMPLES=$(N) $(BIN)/python -m pytest tests/api/gateway/test_fuzzed.py -m heavy -n 2

cluster: $(STAMP) ## four validators on CometBFT: killed, restarted, grown; prints a timeline as JSON
	$(BIN)/python -m pytest tests/cluster -m heavy -n 0

interop: $(STAMP) ## Hermes, simd and CosmJS against our zones; one line a lane, figures as JSON
	$(BIN)/python -m pytest tests/interop -n 0 -p no:randomly --lanes-json out/interop.json

lint: $(STAMP) ## style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(STAMP) ## put the source into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(STAMP) ## static types
	$(BIN)/mypy

sdk: $(STAMP) ## write the operations of the SDK from the REST interface
	$(BIN)/python tools/generate_sdk.py

sdk-check: $(STAMP) ## fail if the SDK is not what the REST interface gives
	$(BIN)/python tools/generate_sdk.py --check

contracts: $(STAMP) ## imports go one way
	$(BIN)/lint-imports

check: lint types contracts proto-check migration-check sdk-check docs-check ## everything static

docs: $(STAMP) ## write docs/reference from the code
	$(BIN)/python tools/generate_reference.py
	$(BIN)/python tools/generate_dashboard.py

docs-check: $(STAMP) ## fail if docs/reference is not what the code gives
	$(BIN)/python tools/generate_reference.py --check
	$(BIN)/python tools/generate_dashboard.py --check

bench: $(STAMP) ## the benchmarks; each prints one JSON object
	$(BIN)/huitong bench tx --json
	$(BIN)/huitong bench relay --json
	$(BIN)/huitong bench blob --json
	$(BIN)/huitong bench read --json
	$(BIN)/huitong bench exchange --json

lock: ## refresh requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --constraint requirements.lock --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --output-file ops/container/requirements.lock pyproject.toml

peers: ## install cometbft, simd and CosmJS, which the interop lanes run; skips what is there
	$(PYTHON) tools/install_peers.py

peers-hermes: ## install the relayer Hermes as well, about 20 minutes
	$(PYTHON) tools/install_peers.py hermes

services: ## install what a gateway works with: Dex, rclone, PostgreSQL, SoftHSM; skips what is there
	$(PYTHON) tools/install_peers.py services

clean: ## remove everything that was built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

proto: $(STAMP) ## regenerate src/huitong/proto from proto/
	$(BIN)/python tools/generate_proto.py

proto-check: $(STAMP) ## fail if src/huitong/proto is not what proto/ generates
	$(BIN)/python tools/generate_proto.py --check

migration: $(STAMP) ## write the gateway's first migration from its tables
	$(BIN)/python tools/generate_migration.py

migration-check: $(STAMP) ## fail if the migration does not make the tables of the code
	$(BIN)/python tools/generate_migration.py --check
