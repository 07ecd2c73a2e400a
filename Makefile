# The one-command entries. They need a Python >= 3.11 (PYTHON=...) with venv, a C compiler and access to PyPI;
# everything else, CMake and Ninja included, goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4
C_FILES := $(sort $(shell find src tests bench -name '*.[ch]'))

.DEFAULT_GOAL := help
.PHONY: help run test test-all lint format bench bench-readme asan tsan fuzz wheel lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.cli ## train a classifier on handwritten digits (ARGS="--epochs 10 ...")
	$(BIN)/pydl train digits --hidden 256,128 --dropout 0.3 --out runs/digits $(ARGS)

test: $(VENV)/.dev ## run the tests but the long ones, several at once (ARGS="-k gemm ...")
	$(PYTEST) -m "not long" $(ARGS)

test-all: $(VENV)/.dev ## run the whole test suite, several tests at once (ARGS="-k gemm ...")
	$(PYTEST) $(ARGS)

lint: $(VENV)/.dev ## check style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/clang-format --dry-run -Werror $(C_FILES)
	$(BIN)/mypy

format: $(VENV)/.dev ## format and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(C_FILES)

bench: $(VENV)/.built ## measure everything, beside the libraries that are installed (ARGS="steps gemm --quick ...")
	$(BIN)/python -m bench $(or $(ARGS),all --json bench/results/$(shell date +%Y%m%d-%H%M%S).json)

bench-readme: $(VENV)/.built ## measure what README.md shows and rewrite it and its picture (ARGS="--results FILE ...")
	$(BIN)/python -m bench readme $(ARGS)

asan: $(VENV)/.tools ## run the C core without Python under the address and undefined-behaviour sanitizers
	$(BIN)/cmake -S tests/c -B build/asan -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja)
	$(BIN)/cmake --build build/asan
	build/asan/test_core

tsan: $(VENV)/.built ## run plans on teams of threads, and contexts of one model, under the thread sanitizer
	$(BIN)/cmake -S tests/c -B build/tsan -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DPYDL_SANITIZE=thread
	$(BIN)/cmake --build build/tsan
	build/tsan/test_team
	$(BIN)/python -m tests.library.fuzz build/tsan/plans
	build/tsan/test_contexts build/tsan/plans/*

# Not for undefined behaviour: kernels that are fed with anything, such as a variance below 0, may overflow integers.
fuzz: $(VENV)/.built ## mutate plan files and run what comes of them under the address sanitizer (ARGS=so many of each)
	$(BIN)/cmake -S tests/c -B build/fuzz -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DPYDL_SANITIZE=address
	$(BIN)/cmake --build build/fuzz --target fuzz_plan
	$(BIN)/python -m tests.library.fuzz build/fuzz/plans
	for plan in build/fuzz/plans/*; do build/fuzz/fuzz_plan $$plan $(or $(ARGS),10000) 1 || exit 1; done

wheel: $(VENV)/.dev ## build sdist and wheel into dist/, check both, run the suite against the installed wheel
	$(BIN)/python tests/packaging/wheel.py

lock: $(VENV)/.tools ## pin all that building and testing need, by version and hash, in .ci/requirements.txt
	$(PIP) install uv
	printf '%s\n' $(TOOLS) > build/tools.in
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --extra dev \
	    --custom-compile-command 'make lock' --output-file .ci/requirements.txt pyproject.toml build/tools.in

clean: ## remove what was built, the environment included
	rm -rf $(VENV) build dist

# ---- the environment ---------------------------------------------------------------------------------------------
# The project is installed editable: Python changes need nothing, a changed C or build file runs Ninja again in build/.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pydl needs Python >= 3.11, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# CMake and Ninja from PyPI serve the builds to come, whatever the system has. LOCK=.ci/requirements.txt: everything in the
# versions that are pinned there, and nothing that has another hash.
TOOLS = cmake ninja $$($(BIN)/python -c 'import tomllib; \
    print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
$(VENV)/.tools: pyproject.toml | $(BIN)/python
	$(if $(LOCK),$(PIP) install --require-hashes --requirement $(LOCK))
	$(PIP) install $(TOOLS)
	@touch $@

$(VENV)/.built: $(VENV)/.tools pyproject.toml CMakeLists.txt $(shell find src -type f)
	$(PIP) install --no-build-isolation --editable .
	@touch $@

$(VENV)/.cli: pyproject.toml | $(VENV)/.built
	$(PIP) install --no-build-isolation --editable '.[cli]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.built
	$(PIP) install --no-build-isolation --editable '.[dev]'
	@touch $@
