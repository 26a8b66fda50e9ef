# Needs GNU make 3.81 or newer and Python 3.11 or newer; everything else is installed into .venv*.

REQUEST ?= events/tutorial.json
SCENARIO ?= cycle
STACK ?= bivouac

# The first of these that is new enough, looked for when it is first needed.
PYTHON ?= $(eval PYTHON := $(firstword $(foreach python,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
    $(python) -c 'import sys; sys.version_info >= (3, 11) and print("$(python)")' 2>/dev/null))))$(PYTHON)

# Nothing is written outside the project: a home may be read-only.
export UV_CACHE_DIR := $(CURDIR)/.local/cache/uv
export PIP_CACHE_DIR := $(CURDIR)/.local/cache/pip
export __SAM_CLI_APP_DIR := $(CURDIR)/.local/cache/sam

# The certificates of the machine, so that downloads also work behind a company's proxy.
export UV_SYSTEM_CERTS := true

# The local cloud starts many short processes, and some machines never cache bytecode: what is
# installed is compiled at once, and what is ours when it is first imported.
export PYTHONDONTWRITEBYTECODE :=
PIP_INSTALL := .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes
UV_INSTALL := .venv/bin/uv pip install --quiet --no-deps --require-hashes --compile-bytecode
UV_LOCK := .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
DEPLOYMENT := PYTHONPATH=functions:cli .venv/bin/python -m deployment
WITH_SAM := PATH="$(CURDIR)/.venv-sam/bin:$(CURDIR)/.venv/bin:$$PATH" SAM_CLI_TELEMETRY=0

.DEFAULT_GOAL := help
.PHONY: help setup demo pictures schema retries local test endure emulate accept accept-local lint types build deploy \
    undeploy bench lock clean
.DELETE_ON_ERROR:

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "To work on Bivouac itself:"
	@awk -F ':.*#- ' '/^[a-z-]+:.*#- / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/installed .venv-sam/installed #- Install the locked dependencies (the other targets do it themselves)

demo: .venv/demo ## Create, prove and delete an environment on the local cloud (REQUEST=events/shop.json, SCENARIO=lifecycle or office-hours)
	@.venv/bin/python -m demo "$(REQUEST)" "$(SCENARIO)"

pictures: .venv/installed #- Draw the pictures of the documents again
	@.venv/bin/python docs/state_diagrams.py
	@.venv/bin/python -m docs.demo_picture whole events/tutorial.json docs/pictures/demo.svg \
	    "make demo"
	@.venv/bin/python -m docs.demo_picture mesh events/shop.json docs/pictures/shop.svg \
	    "make demo REQUEST=events/shop.json"

schema: .venv/installed #- Write docs/request.schema.json and docs/status.schema.json
	@PYTHONPATH=functions .venv/bin/python -m docs.request_schema
	@PYTHONPATH=functions .venv/bin/python -m docs.status_schema

retries: .venv/installed #- Write statemachine/retries.yaml into the state machines
	@.venv/bin/python -m deployment.retries

local: .venv/demo ## Keep the local cloud running on 127.0.0.1 (LOCALCLOUD_PORT=4566)
	@.venv/bin/python -m localcloud

test: setup #- Run the tests
	.venv/bin/python -m pytest -n auto --dist loadgroup

endure: .venv/installed #- Run the long tests: whole stacks, every call interrupted, the largest requests, accidents
	.venv/bin/python -m pytest -n auto --dist loadgroup tests/endurance tests/stack tests/workflow_long

emulate: .venv/installed .venv-ministack/installed #- Deploy the template twice to another emulator, MiniStack
	.venv/bin/python -m pytest tests/emulator

accept: .venv/installed ## Run an environment through its life on a deployed stack, and check docs/assumptions.md against AWS (STACK=bivouac, REGION=..., ENDPOINT=http://127.0.0.1:4566, RECORD=1, YES=1)
	@.venv/bin/python -m tests.acceptance --stack "$(STACK)" $(if $(REGION),--region "$(REGION)") \
	    $(if $(ENDPOINT),--endpoint-url "$(ENDPOINT)") $(if $(RECORD),--record) $(if $(YES),--yes)

accept-local: .venv/installed #- Run the acceptance suite on its own local cloud, also with a belief that is wrong
	.venv/bin/python -m pytest tests/acceptance_local

lint: .venv/installed #- Check style and format
	.venv/bin/ruff check
	.venv/bin/ruff format --check

types: .venv/installed #- Check the types
	.venv/bin/mypy

build: .venv/demo .venv-sam/installed #- Build for Lambda into .aws-sam/build and check the template, without Docker
	$(WITH_SAM) sam build
	$(WITH_SAM) sam validate --lint

deploy: .venv/demo .venv-sam/installed ## Deploy to AWS; the first time it asks for the parameters (SET="AssignPublicIp=DISABLED": changes an answer)
	@$(DEPLOYMENT) prepare $(SET)
	@$(MAKE) --no-print-directory build
	$(WITH_SAM) sam deploy
	@$(DEPLOYMENT) protect

undeploy: .venv/demo .venv-sam/installed ## Remove the stack from AWS, once no environment lives in it
	@$(DEPLOYMENT) release
	@$(WITH_SAM) sam delete --no-prompts || { echo "Not everything was deleted. Why:" \
	    "aws cloudformation describe-stack-events --stack-name NAME" >&2; exit 1; }

bench: .venv/installed .venv-sam/installed .venv-cold_start/installed #- Measure verdicts, lag, cost, time and cold starts (BENCH="lag cycle": only these)
	.venv/bin/python -m bench $(BENCH)

lock: .venv/installed #- Move the locked dependencies to their newest versions
	$(UV_LOCK) -o requirements/uv.txt requirements/uv.in
	$(UV_LOCK) -o functions/requirements.txt requirements/functions.in
	$(UV_LOCK) -o requirements/cold_start.txt requirements/cold_start.in
	$(UV_LOCK) -o requirements/cold_start_baseline.txt requirements/cold_start_baseline.in
	$(UV_LOCK) -o requirements/demo.txt requirements/demo.in
	$(UV_LOCK) -o requirements/dev.txt requirements/dev.in
	$(UV_LOCK) -o requirements/sam.txt requirements/sam.in
	$(UV_LOCK) -o requirements/ministack.txt requirements/ministack.in
	@PYTHONPATH=functions .venv/bin/uv run --quiet --isolated --no-project \
	    --with-requirements functions/requirements.txt python -m deployment.new_fields

clean: ## Remove everything that was made, the virtual environments too
	rm -rf .venv .venv-sam .venv-cold_start .venv-ministack .aws-sam .local .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What `make demo` and `make local` need; the rest is added to it.
.venv/demo: requirements/uv.txt requirements/demo.txt
	@test -n "$(PYTHON)" || { echo "Bivouac needs Python 3.11 or newer, and found none." \
	    "Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing $(@D) with $(PYTHON)"
	@requirements/install $(@D) $(PYTHON) -m venv .venv
	@requirements/install $(@D) $(PIP_INSTALL) -r requirements/uv.txt
	@requirements/install $(@D) $(UV_INSTALL) --python .venv -r requirements/demo.txt
	@touch $@

.venv/installed: requirements/dev.txt .venv/demo
	@echo "Installing $(@D) for the tests and checks"
	@requirements/install $(@D) $(UV_INSTALL) --python .venv -r requirements/dev.txt
	@touch $@

.venv-%/installed: requirements/%.txt | .venv/demo
	@echo "Installing $(@D)"
	@requirements/install $(@D) .venv/bin/uv venv --quiet --clear --python .venv/bin/python .venv-$*
	@requirements/install $(@D) $(UV_INSTALL) --python .venv-$* -r $<
	@touch $@
