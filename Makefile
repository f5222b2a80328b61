# make train [DATA=folder] [ARGS='--set …']   the whole journey, on drawn hands or on your photographs
# make test                                   everything that is checked
# make readme                                 README as `make train` prints it now, with its pictures
# make bench ARGS='WEIGHTS SOURCE…'            where time and memory go, beside this machine's floors and peers
# make chaos [ARGS='--kills 50']               trainings killed at chance moments, and what comes of them
# make fuzz [ARGS='--seconds 60']              damaged files that coverage leads to (Linux)
# Python 3.11 to 3.13: the first that is here (TensorFlow has no wheels for later ones yet)
CHECK := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
  $$python -c '$(CHECK)' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
ARGS ?=
# uv where it is installed, else pip; the exact versions that were tested. Both show what they fetch
INSTALL := $(if $(shell command -v uv),uv pip install --python $(BIN)/python,$(BIN)/python -m pip install --disable-pip-version-check) -c constraints.txt
MAKE_VENV := $(if $(shell command -v uv),uv venv -q --python $(PYTHON) $(VENV),$(PYTHON) -m venv $(VENV))

.PHONY: train test lint bench chaos fuzz readme clean
.DELETE_ON_ERROR:

ifeq ($(DATA),)
train: $(VENV)/train-ready practice/signers.csv
	$(BIN)/handshape train practice $(ARGS)
else
train: $(VENV)/train-ready
	$(BIN)/handshape train "$(DATA)" $(ARGS)
endif

practice/signers.csv: | $(VENV)/train-ready
	$(BIN)/handshape sample practice

# In two processes: TensorFlow keeps what trainings leave in it, some 10 GB over all tests
ifeq ($(ARGS),)
test: $(VENV)/dev-ready lint
	$(BIN)/pytest tests/test_[a-f]*.py
	$(BIN)/pytest tests/test_[g-z]*.py
else
test: $(VENV)/dev-ready lint
	$(BIN)/pytest $(ARGS)
endif

lint: $(VENV)/dev-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/dev-ready
	$(BIN)/python benchmarks/speed.py $(ARGS)

chaos: $(VENV)/train-ready
	$(BIN)/python scripts/chaos.py $(ARGS)

fuzz: $(VENV)/dev-ready
	@$(INSTALL) 'atheris>=3,<4'
	$(BIN)/python scripts/fuzz.py $(ARGS)

readme: $(VENV)/train-ready
	rm -rf practice
	$(BIN)/python scripts/readme.py

$(VENV)/train-ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(CHECK)' || \
	  { echo "Training needs Python 3.11, 3.12 or 3.13; none was found. With another name: make train PYTHON=/path/to/python3.12"; exit 1; }
	@test -x $(BIN)/python || { echo "Making $(VENV)"; $(MAKE_VENV); }
	@echo "Installing Handshape and what training needs: some 450 MB to download, 2 GB on the disk; once, some minutes"
	@$(INSTALL) -e '.[train]'
	@echo "Installed: $(VENV) takes $$(du -sh $(VENV) | cut -f1)"
	@touch $@

$(VENV)/dev-ready: $(VENV)/train-ready
	@echo "Installing what the tests need: some 0.6 GB more on the disk; once"
	@$(INSTALL) -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) practice build
