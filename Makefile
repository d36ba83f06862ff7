# What a newcomer needs: `make demo`, `make test`. Everything else is in `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.8
SOURCES := $(shell find src runtime/src -type f -not -name '*.pyc' -not -name '*.bc' 2>/dev/null)
KERNELS := src/seatrial/assessor/simulate/kernels.bc

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-seatrial test-runtime test-examples check fix bench bench-sim-real bench-restarts bench-profile fuzz-profile wheels lock golden clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /|/' | awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(VENV)/.installed ## Make .venv with everything (.venv/bin/seatrial)

# The locked dependencies; hashes are checked.
$(VENV)/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $$($(PYTHON) --version) was found; set PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "the venv module is missing; on Debian: apt install python3-venv"; rm -rf $(VENV); exit 2; }
	@echo "installing the locked dependencies"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	@touch $@

# The simulator's kernels as LLVM bitcode, which the wheel carries: users need no compiler's time.
$(KERNELS): $(VENV)/.locked $(wildcard src/seatrial/assessor/simulate/*.py) src/seatrial/kernel/policies.py
	@echo "translating the simulator's kernels, half a minute"
	@PYTHONPATH=src $(BIN)/python -m seatrial.assessor.simulate.lowering $@

# The wheels of both distributions, installed: the tests test what users get.
$(VENV)/.installed: $(VENV)/.locked $(KERNELS) pyproject.toml runtime/pyproject.toml README.md runtime/README.md $(SOURCES)
	@echo "building and installing seatrial and seatrial-runtime"
	@rm -rf dist
	@$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist runtime
	@$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir dist .
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --reinstall --compile-bytecode dist/*.whl
	@touch $@

demo: setup ## Ship examples/furlong: the whole loop, about three minutes
	@$(BIN)/seatrial ship examples/furlong

# Without the plugins of packages that happen to be here: of them every worker would import all.
PLUGINS := PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_PLUGINS=xdist.plugin,pytest_timeout,_hypothesis_pytestplugin
PYTEST := $(PLUGINS) "$(CURDIR)/$(BIN)/python" -m pytest -q

# Told when all of it is known: several progress bars in one terminal are none.
told = @mkdir -p build; code=0; ( $(2) ) > build/test-$(1).log 2>&1 || code=$$?; \
  cat build/test-$(1).log; exit $$code

# Side by side: where one waits, for a server to start or a budget to end, another computes.
test: setup ## Run all tests: the house, the runtime, the examples
	@$(MAKE) --no-print-directory -j 3 test-seatrial test-runtime test-examples

test-seatrial: setup
	@$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder --durations 12 tests

test-runtime: setup
	$(call told,runtime,cd runtime && $(PYTEST) -n 2 --durations 12 -o pythonpath=tests tests)

test-examples: setup
	$(call told,examples,for app in furlong nestegg prism; do \
	  (cd examples/$$app && $(PYTEST) tests) || exit 1; done)

check: setup ## Lint, types, layers, workflow
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: setup ## Format and mend what a tool can mend
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: setup ## Run the benchmarks; results in benchmarks/results
	@$(BIN)/python -m benchmarks

bench-sim-real: setup ## Real servers beside the simulator's predictions, a quarter of an hour
	@$(BIN)/python benchmarks/simulator/bench_real.py $(SIM_REAL)

bench-restarts: setup ## 200 stops under load behind Envoy, a quarter of an hour
	@$(BIN)/python benchmarks/runtime/bench_restarts.py --out benchmarks/results/restarts.json

bench-profile: setup ## Compare found starts with a table: CORPUS=FILE.csv [APPS=DIR]
	@test -n "$(CORPUS)" || { echo "name the table: make bench-profile CORPUS=FILE.csv [APPS=DIR]"; exit 2; }
	@$(BIN)/python benchmarks/profiler/bench_corpus.py $(CORPUS) $(if $(APPS),--apps $(APPS)) \
	  --out benchmarks/results/corpus.json

fuzz-profile: setup ## Ten minutes of hostile file trees through the profiler
	@$(BIN)/python tests/profiler/fuzz/run.py --minutes 10

wheels: setup ## Write the table of package sizes anew: TORCH_CPU=FILE.whl; needs 15 GB of disk
	@$(BIN)/python scripts/wheels.py --torch-cpu $(TORCH_CPU)

golden: setup ## Write the golden files anew
	@$(BIN)/python -m pytest -q --update-golden tests

lock: ## Write requirements.lock anew from pyproject.toml
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-header --no-emit-package seatrial-runtime --group dev --group bench --all-extras \
	  -o requirements.lock pyproject.toml runtime/pyproject.toml \
	  examples/furlong/requirements.txt examples/nestegg/requirements.txt \
	  examples/prism/requirements.txt

clean: ## Remove what was built
	@rm -rf $(VENV) $(KERNELS) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
