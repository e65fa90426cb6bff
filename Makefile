# Everything happens in .venv and build/; nothing is installed outside this folder.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# Processes that the Python tests run in
JOBS ?= 2
# Interpreters that wheels are built for
PYTHONS ?= $(BIN)/python
SOURCES := CMakeLists.txt pyproject.toml constraints.txt $(shell git ls-files cpp python)

# Beside the environment, so that the tests find everything but thinset itself in the usual one.
SANITIZED := build/sanitize-python
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

.PHONY: help demo docs test test-cpp test-python test-slow test-sanitize test-aarch64 coverage bench \
  bench-self check format cpp-reference wheel release clean

help:
	@echo "make demo       the whole pipeline on the embedded digits dataset, and its report page"
	@echo "make docs       the documentation site, in build/site"
	@echo "make test       C++ and Python tests, these in two processes (JOBS=4: in four)"
	@echo "make test-slow  the tests that take minutes; real data from THINSET_TEST_CIFAR10 and _MNIST"
	@echo "make test-sanitize  C++ tests under the address, undefined-behaviour, leak and thread"
	@echo "                sanitizers, then selection from Python and thinset-filter (needs GCC)"
	@echo "make test-aarch64  C++ tests and golden selections for 64-bit Arm, under qemu (on Debian:"
	@echo "                apt-get install g++-aarch64-linux-gnu qemu-user)"
	@echo "make coverage   line coverage of the Python package by the fast tests, in build/coverage"
	@echo "make bench      benchmarks against other libraries, answers checked first"
	@echo "make bench-self thinset alone under pytest-benchmark, to compare one commit with another"
	@echo "make check      formatting, lint and types of both languages"
	@echo "make format     format both languages"
	@echo "make cpp-reference  pages of the C++ headers by Doxygen, in build/cpp-reference/html"
	@echo "make wheel      wheels for Linux systems as old as glibc 2.28, in dist/wheels, each tested in a new"
	@echo "                environment; for other Pythons too: PYTHONS=\"python3.12 python3.13\""
	@echo "make release VERSION=1.2.3   version, changelog, archives, checksums, commit, tag; DRY_RUN=1,"
	@echo "                REPOSITORY_URL=https://... for the links of the page on the package index"
	@echo "make clean      remove the environment and everything built"

demo: $(VENV)/.installed
	$(BIN)/thinset demo -o thinset-demo

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "build/site/index.html"

test: test-cpp test-python

test-cpp: $(VENV)/.installed-dev
	$(BIN)/ctest --test-dir build/dev --output-on-failure

# Each process has one thread for torch: more threads than cores slow each other down. Status 5: no
# test was chosen, which PYTEST_ADDOPTS="-k name" may do to either call.
test-python: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p no:benchmark -m "not slow and not alone" \
	  -n $(JOBS) --dist worksteal || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -m "alone and not slow" || [ $$? -eq 5 ]

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow --timeout 3600

test-sanitize: $(VENV)/.installed-dev $(SANITIZED)/.installed
	for preset in sanitize sanitize-thread; do \
	  $(BIN)/cmake --preset $$preset -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) > /dev/null && \
	  $(BIN)/cmake --build --preset $$preset && \
	  $(BIN)/ctest --test-dir build/$$preset --output-on-failure || exit 1; \
	done
	LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=1:malloc_context_size=2:handle_sigbus=0 \
	LSAN_OPTIONS=suppressions=$(abspath tests/leaks_of_others.txt):print_suppressions=0 \
	$(SANITIZED)/bin/python -m pytest --timeout 1200 tests/python/selection tests/python/filter \
	  --ignore tests/python/selection/test_wrong_selectors.py

test-aarch64: $(VENV)/.installed-dev
	$(BIN)/cmake -S . -B build/aarch64 -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) \
	  --toolchain tools/aarch64.cmake -DTHINSET_WARNINGS_AS_ERRORS=ON > /dev/null
	$(BIN)/cmake --build build/aarch64
	$(BIN)/ctest --test-dir build/aarch64 --output-on-failure
	$(BIN)/python tests/golden/check_binary.py --against $(BIN)/thinset-filter \
	  qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/cpp/filter/thinset-filter

coverage: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --cov thinset --cov-report term:skip-covered --cov-report html:build/coverage

bench: $(VENV)/.installed-bench
	$(BIN)/python benchmarks/run.py

bench-self: $(VENV)/.installed-bench
	$(BIN)/python -m pytest -c benchmarks/pytest.ini --rootdir benchmarks benchmarks

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $$(git ls-files '*.hpp' '*.cpp')

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.hpp' '*.cpp')

cpp-reference:
	mkdir -p build
	doxygen cpp/Doxyfile

wheel: $(VENV)/.installed-release
	rm -rf dist/wheels
	$(BIN)/python tools/portable_wheel.py . -o dist/wheels --python $(PYTHONS)
	$(BIN)/python tools/check_wheel.py dist/wheels/*.whl --python $(PYTHONS)

release: $(VENV)/.installed-release
	$(BIN)/python tools/release.py $(VERSION) $(if $(DRY_RUN),--dry-run) \
	  $(if $(REPOSITORY_URL),--repository-url $(REPOSITORY_URL))

clean:
	rm -rf $(VENV) build

# The pip of some systems knows no --config-settings.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip --disable-pip-version-check install --quiet 'pip>=23.1'

$(VENV)/.installed: $(SOURCES) | $(VENV)/bin/python
	$(PIP) '.[all]'
	touch $@

# One build serves both languages: the C++ tests stand on the library that the package is made of.
$(VENV)/.installed-dev: $(SOURCES) $(shell git ls-files tests/cpp) | $(VENV)/bin/python
	$(PIP) '.[dev]' -C build-dir=build/dev -C cmake.define.BUILD_TESTING=ON \
	  -C cmake.define.THINSET_WARNINGS_AS_ERRORS=ON
	touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(SOURCES) | $(VENV)/bin/python
	$(PIP) '.[docs]'
	touch $@

$(VENV)/.installed-bench: $(SOURCES) | $(VENV)/bin/python
	$(PIP) '.[bench]'
	touch $@ $(VENV)/.installed

# Neither torch nor thinset itself. Groups need pip 25.1.
$(VENV)/.installed-release: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) 'pip>=25.1'
	$(PIP) --group release
	touch $@

$(SANITIZED)/.installed: $(VENV)/.installed-dev
	$(BIN)/python -m venv --without-pip $(SANITIZED)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > \
	  "$$($(SANITIZED)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/usual.pth"
	$(BIN)/python -m pip --disable-pip-version-check --python $(SANITIZED)/bin/python \
	  install --quiet --no-deps --ignore-installed . \
	  -C build-dir=build/sanitize-python-objects -C cmake.build-type=RelWithDebInfo \
	  -C install.strip=false -C cmake.define.CMAKE_CXX_FLAGS='$(SANITIZE)'
	touch $@
