.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

ifeq ($(wildcard include/sync_hostaway/core/home.py),)
$(error This is not the folder of sync-hostaway. Name it: make -C FOLDER)
endif

# Paths are relative and written out, and the shell reads variables from the environment: nothing that a folder or a
# variable is called becomes part of a command. `override`: a variable of the caller must not select what is removed.
override VENV := .venv
override BIN := .venv/bin
override READY := .venv/.ready
export PYTHON ?= python3
# Inside .venv, where it is removed after use. A cache that the caller names is used and kept.
export UV_CACHE_DIR ?= $(CURDIR)/.venv/.uv-cache
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Behind a company's proxy its certificate is known to the system only, and uv reads it only with this option. The second
# name is that of older versions. A system without a bundle of certificates keeps uv's own.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem),)
export UV_SYSTEM_CERTS ?= 1
export UV_NATIVE_TLS ?= 1
endif
unexport PYTHONDONTWRITEBYTECODE
override UV := $(if $(shell command -v uv 2>/dev/null),uv,.venv/bin/uv)
override COMPILE = $(UV) pip compile --quiet --generate-hashes --universal --python-version 3.11 \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements"

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sort | awk -F ':.*## ' '{printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}'

.PHONY: env
env: $(READY) ## Build .venv from requirements.txt and requirements-dev.txt

$(READY): requirements.txt requirements-dev.txt pyproject.toml
	@echo "Building $(VENV) (once, about a minute)"
	@test -x $(BIN)/python || "$$PYTHON" -m venv $(VENV) || { \
	  echo "Cannot make a virtual environment with $$PYTHON. It needs Python 3.11 to 3.13 with venv; PYTHON=python3.12 make … picks another."; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "$$($(BIN)/python --version) does not fit: Python 3.11 to 3.13 is needed. Remove $(VENV) and run PYTHON=python3.12 make …"; exit 1; }
	@command -v $(UV) >/dev/null || $(BIN)/python -m pip install --quiet --no-cache-dir uv
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes \
	  --requirements requirements.txt --requirements requirements-dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@rm -rf -- .venv/.uv-cache
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null 2>&1 || true
	@touch $(READY)

.PHONY: demo
demo: $(READY) ## Mirror two accounts through Airflow, end to end, and show what landed (KEEP=1 leaves it running)
	@test "$${KEEP:-0}" = 0 || set -- --keep; exec $(BIN)/sync-hostaway demo "$$@"

.PHONY: test
test: $(READY) ## Run every test
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not acceptance"
	@$(BIN)/python -m pytest -m acceptance

.PHONY: test-postgres
test-postgres: $(READY) ## Run the integration tests on the PostgreSQL server in TEST_POSTGRES_URL
	@test -n "$${TEST_POSTGRES_URL:-}" || { echo "Set TEST_POSTGRES_URL to a superuser's URL, postgresql://postgres:…@127.0.0.1:5432/postgres"; exit 1; }
	@$(BIN)/python -m pytest tests/integration tests/dbt

.PHONY: lint
lint: $(READY) ## Check style, types, SQL and YAML
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/yamllint --strict .
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yaml
	@$(BIN)/zizmor --offline --quiet .github
	@# Its worker processes end without giving back their semaphores, of which Python's resource tracker would warn
	@PYTHONWARNINGS=ignore:resource_tracker:UserWarning $(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project

.PHONY: audit
audit: $(READY) ## Look for known vulnerabilities of the pinned packages (audit/accepted.yaml has the exceptions)
	@exec $(BIN)/python -m audit

.PHONY: helm
helm: $(READY) ## Check deploy/helm with the schema of the official chart: make helm CHART=folder of the unpacked chart
	@test -f "$${CHART:-}/values.schema.json" || { echo "Set CHART to the unpacked chart: helm pull airflow --repo https://airflow.apache.org --untar; make helm CHART=airflow" >&2; exit 2; }
	@$(BIN)/check-jsonschema --schemafile "$$CHART/values.schema.json" deploy/helm/values-*.yaml

.PHONY: format
format: $(READY) ## Repair what the formatters can repair
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: start stop status
start: $(READY) ## Start the embedded PostgreSQL and Airflow
	@exec $(BIN)/sync-hostaway local start
stop: $(READY) ## Stop them
	@exec $(BIN)/sync-hostaway local stop
status: $(READY) ## Show what runs, and where
	@exec $(BIN)/sync-hostaway local status

.PHONY: sync
sync: $(READY) ## Mirror one account now, then build the tables: make sync ACCOUNT=701 MODE=full
	@test -n "$${ACCOUNT:-}" || { echo "ACCOUNT is missing: make sync ACCOUNT=12345 [MODE=full]. $(BIN)/sync-hostaway accounts list shows the accounts." >&2; exit 2; }
	@exec $(BIN)/sync-hostaway sync --account "$$ACCOUNT" --mode "$${MODE:-incremental}" --transform

.PHONY: pictures
pictures: $(READY) ## Take the pictures of the operations page again, into docs/images
	@$(BIN)/python -m pytest -q tests/integration/ui/pictures.py

.PHONY: bench
bench: $(READY) ## Measure the project on this machine, beside its peers
	@exec $(BIN)/python -m benchmarks

.PHONY: chaos
chaos: $(READY) ## Break parts in the middle of their work, and check that nothing is lost: make chaos SEED=1 [ROUNDS=200] [ONLY=13]
	@exec $(BIN)/python -m chaos

.PHONY: docs
docs: $(READY) ## Build the documentation of the tables into docs/dbt
	@exec $(BIN)/sync-hostaway docs

.PHONY: requirements
requirements: $(READY) ## Resolve requirements.in and requirements-dev.in into the pinned .txt files
	@$(COMPILE) requirements.in --output-file requirements.txt
	@$(COMPILE) requirements-dev.in --constraint requirements.txt --output-file requirements-dev.txt

.PHONY: build shell
build: ## Build the image of docker-compose.yaml
	@exec docker build --tag "$${SYNC_HOSTAWAY_IMAGE:-sync-hostaway:latest}" .
shell: ## Open a shell in the image; with a .env, in the deployment's network and with its settings
	@if test -f .env; then exec docker compose run --rm --no-deps airflow-scheduler bash; \
	  else exec docker run --rm --interactive --tty "$${SYNC_HOSTAWAY_IMAGE:-sync-hostaway:latest}" bash; fi

.PHONY: clean
clean: ## Stop the platform, and remove its state and .venv
	@if test -x $(BIN)/sync-hostaway; then $(BIN)/sync-hostaway local clean --yes; \
	  else echo "The state of the platform is kept, since its program is not installed: make env clean removes both."; fi
	@rm -rf -- .venv
