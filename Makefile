# One line per recipe; needs Python 3.11+ and GNU make. Other Python or place: make PYTHON=python3.12 VENV=/tmp/venv
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
EXAMPLES := $(patsubst %/pyproject.toml,%,$(wildcard examples/*/pyproject.toml))
# Locking reads no local pip settings: the hashes are those of the public index, whoever locks.
LOCK := env -u PIP_FIND_LINKS PIP_CONFIG_FILE=/dev/null CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --strip-extras --allow-unsafe

.PHONY: help run test lint format schema bench matrix reliability fuzz lock assets clean
.DELETE_ON_ERROR:

help: ## list the targets (the default)
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.run ## start the server with the demo world on http://127.0.0.1:8000
	$(BIN)/python server.py serve --dev $(ARGS)

test: $(VENV)/.dev ## run every test; make test ARGS="-k polls -x" for some
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(VENV)/.dev ## ruff, formatting, mypy --strict
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(VENV)/.dev ## let ruff sort imports and lay out the code
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

schema: $(VENV)/.run ## write schema/superset.graphql
	$(BIN)/python server.py schema > $(VENV)/superset.graphql && cp $(VENV)/superset.graphql schema/superset.graphql

bench: $(VENV)/.dev ## measure; make bench ARGS=...
	$(BIN)/python -m bench $(ARGS)

matrix: $(VENV)/.dev ## write tests/security/matrix.csv anew: who may do what
	$(BIN)/python -m tests.security.write_matrix

reliability: $(VENV)/.dev ## do every harm of the table many times, and write docs/reliability.md
	$(BIN)/python -m tests.reliability $(ARGS)

fuzz: $(VENV)/.dev $(VENV)/.fuzz ## send documents that nobody would write, as several actors; make fuzz ARGS=...
	$(BIN)/python -m tests.fuzz --program $(abspath $(VENV))/fuzz/bin/schemathesis $(ARGS)

lock: $(VENV)/.dev ## write requirements/*.txt and the bill of materials anew; make lock ARGS=--upgrade for newer versions
	for set in run dev fuzz; do $(LOCK) $(ARGS) --output-file requirements/$$set.txt requirements/$$set.in || exit 1; done
	$(INSTALL) --require-hashes -r requirements/dev.txt && $(BIN)/python requirements/sbom.py

assets: ## build the offline GraphiQL anew (needs npm)
	schema/_assets/build.sh

clean: ## remove the environment and every cache, never data
	@test ! -f $(VENV)/pyvenv.cfg || rm -rf $(VENV)
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info && find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# Stamps: an environment is brought up to date when its lock is newer than its stamp.
$(BIN)/python:
	@command -v $(PYTHON) > /dev/null || { echo "Shanzhi needs Python 3.11 or newer, and there is no '$(PYTHON)' here. Say which to use: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Shanzhi needs Python 3.11 or newer, and $(PYTHON) is %d.%d. Say which to use: make PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/run.txt && touch $@

$(VENV)/.fuzz: requirements/fuzz.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/fuzz
	$(VENV)/fuzz/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(EXAMPLES:=/pyproject.toml) | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/dev.txt && touch $(VENV)/.run
	$(if $(EXAMPLES),$(INSTALL) --no-deps --no-build-isolation $(addprefix -e ./,$(EXAMPLES)))
	@touch $@
