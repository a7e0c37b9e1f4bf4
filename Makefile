# make demo    see it work on a photograph
# make test    lint, types, C++ tests under sanitizers, Python tests
# make lint    ruff and mypy --strict
# make bench   rate and distortion beside other codecs: make bench DATA=folder/of/pictures
#
# Each does its own set-up in .venv. Needed: Debian with python3.11, python3.11-venv, g++, make.
# PIP_FLAGS reaches every pip call, for example to name an index with CPU-only builds of torch.

PYTHON    ?= python3.11
PIP_FLAGS ?=
DATA      ?= data/pictures
OUT       ?= runs
JOBS      ?= $(shell nproc)

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check
CORE := pyproject.toml CMakeLists.txt $(shell find cpp/include cpp/src -type f)

.PHONY: demo test lint cpp-test pytest bench clean

demo: $(VENV)/.bench
	$(BIN)/python -m pauca.bench.demo --out $(OUT)/demo

# pytest last: its closing line is the last line of a good run.
test: lint cpp-test pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy

cpp-test: $(VENV)/.build
	$(BIN)/cmake -S . -B build/cpp -DPAUCA_PYTHON=OFF -DPAUCA_TESTS=ON -DPAUCA_SANITIZE=ON
	$(BIN)/cmake --build build/cpp --parallel $(JOBS)
	$(BIN)/ctest --test-dir build/cpp --output-on-failure

pytest: $(VENV)/.dev
	$(BIN)/python -m pytest

bench: $(VENV)/.bench
	mkdir -p $(OUT)
	$(BIN)/pauca bench image --data $(DATA) --jobs $(JOBS) --force \
		--json $(OUT)/image.json --plot $(OUT)/image.png --markdown $(OUT)/image.md

clean:
	rm -rf build $(VENV)

# What builds the core; cmake and ninja come as wheels, so the machine needs only a compiler.
$(VENV)/.build: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	echo '*' > $(VENV)/.gitignore
	$(PIP) install -q $(PIP_FLAGS) 'scikit-build-core>=0.11' 'nanobind>=2.4' 'cmake>=3.25' ninja
	touch $@

# The package with what the demo and the bench compare against; torch is not needed.
$(VENV)/.bench: $(VENV)/.build $(CORE)
	$(PIP) install -q $(PIP_FLAGS) --no-build-isolation -e '.[bench]'
	touch $@

# Everything that tests touch, torch included.
$(VENV)/.dev: $(VENV)/.build $(CORE)
	$(PIP) install -q $(PIP_FLAGS) --no-build-isolation -e '.[bench,train,dev]'
	touch $@
