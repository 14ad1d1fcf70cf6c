# Every target sets up what it needs first; none needs a second command.

PYTHON ?= python3
BIN := .venv/bin
# Tests mostly wait for the programs that they start, so two at a time for each core.
WORKERS ?= $(shell expr 2 '*' $$(nproc))
PYTEST := $(BIN)/pytest -n $(WORKERS)
# Node from the environment comes after the system's own.
export PATH := $(PATH):$(CURDIR)/.venv/bin
# Some thousand programs of ours are started; compiling what they import each time would double it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-offline check bench soak serve dev requirements clean

help: ## What can be made here
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: dev ## Build, sign, serve, verify, sandbox and call real servers (about two minutes)
	@$(BIN)/python scripts/demo.py

test: dev ## Every test that this machine can run
	@$(PYTEST)

test-offline: dev ## Every test that claims to need no network
	@$(PYTEST) -m "not network"

check: dev ## What a pull request must pass: style, types, layers, tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST)

bench: dev ## Every speed claim, as ratios in one run
	$(BIN)/python -m benchmarks
	$(PYTHON) scripts/setup.py --with chromium --with lighthouse
	$(BIN)/python scripts/lighthouse.py

soak: dev ## What takes long by nature: killed installs and builds, every fault of an install, hosts under load, 100,000 generated plans
	MCPREG_KILLS=200 $(BIN)/pytest -n 0 tests/e2e/test_offline_story.py -k killed_install
	MCPREG_KILLS=50 $(PYTEST) -k "kill and not killed_install" tests
	MCPREG_FAULT_STEP=1 $(PYTEST) tests/e2e/test_install_faults.py
	MCPREG_FUZZ=300 $(PYTEST) tests/e2e/test_api_fuzzed.py
	MCPREG_PLANS=100000 MCPREG_LAUNCHES=2000 MCPREG_FUZZ_SHARDS=10 \
	  $(PYTEST) -rP tests/hostile/test_fuzz_capabilities.py
	MCPREG_SOAK_SECONDS=$(or $(SOAK_SECONDS),600) MCPREG_SOAK_BUILD_SECONDS=30 \
	  $(BIN)/pytest -n 0 tests/e2e/test_soak_hosts.py

serve: dev ## The catalog of this checkout at http://127.0.0.1:8000
	$(BIN)/mcpreg-site build --output public
	$(BIN)/mcpreg-site serve public --port 8000

dev: ## System packages and .venv
	@$(PYTHON) scripts/setup.py

requirements: dev ## Resolve the locks again
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --output-file requirements/dev.lock
	$(BIN)/uv pip compile --quiet pyproject.toml requirements/build.in --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --output-file requirements/sign.lock
	$(BIN)/uv pip compile --quiet pyproject.toml requirements/build.in --extra ci --extra site \
	  --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --output-file requirements/registry.lock
	for name in bootstrap node semgrep; do \
	  $(BIN)/uv pip compile --quiet requirements/$$name.in --universal --python-version 3.11 \
	    --generate-hashes --no-header --no-annotate --output-file requirements/$$name.lock; done

clean: ## Remove what these commands made
	rm -rf .venv .demo public .mypy_cache .pytest_cache .ruff_cache .hypothesis
