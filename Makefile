# Everything happens in .venv and build/; nothing is installed outside this folder.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
SOURCES := CMakeLists.txt pyproject.toml constraints.txt $(shell git ls-files cpp python)

.PHONY: help demo test test-cpp test-python test-slow bench check format clean

help:
	@echo "make demo       the whole pipeline on the embedded digits dataset, and its report page"
	@echo "make test       C++ and Python tests"
	@echo "make test-slow  the tests that take minutes; real data from THINSET_TEST_CIFAR10 and _MNIST"
	@echo "make bench      benchmarks against other libraries, answers checked first"
	@echo "make check      formatting, lint and types of both languages"
	@echo "make format     format both languages"
	@echo "make clean      remove the environment and everything built"

demo: $(VENV)/.installed
	$(BIN)/thinset demo -o thinset-demo

test: test-cpp test-python

test-cpp: $(VENV)/.installed-dev
	$(BIN)/cmake --preset release -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) > /dev/null
	$(BIN)/cmake --build --preset release
	$(BIN)/ctest --test-dir build/release --output-on-failure

test-python: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow --timeout 3600

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/run.py

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $$(git ls-files '*.hpp' '*.cpp')

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.hpp' '*.cpp')

clean:
	rm -rf $(VENV) build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(SOURCES) | $(VENV)/bin/python
	$(PIP) '.[all]'
	touch $@

$(VENV)/.installed-dev: $(SOURCES) | $(VENV)/bin/python
	$(PIP) '.[dev]'
	touch $@ $(VENV)/.installed
