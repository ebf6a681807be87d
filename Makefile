# Every target sets itself up: it needs python3 (3.11 or newer), git and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= auto

.PHONY: demo test test-browser test-real test-slow check format docs bench clean help

help:            ## list the targets
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "agentd needs Python 3.11 or newer; this is $$($(PYTHON) --version). Set PYTHON=…" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing agentd and its tools into $(VENV) (once) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)    ## watch the referee decide between three providers' patches, in a temporary home
	@$(BIN)/agentd-coord demo

test: $(STAMP)    ## the fast test suites, in JOBS processes (one for each processor)
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m 'not slow and not real_clients' -rs

test-browser: $(STAMP) ## the report in a real Chromium; `make test` skips these where there is none
	@$(BIN)/python -c 'import sys; from tests.browser.chromium import find_chromium as find; \
	  sys.exit(0 if find() else "no Chromium is installed: apt-get install chromium, or the like")'
	@$(BIN)/python -m pytest tests/browser

test-real: $(STAMP) ## agents of three vendors at work: installs them from npm, into .clients
	@$(BIN)/python -m pytest -m real_clients -rs

test-slow: $(STAMP) ## the long simulations and crash runs
	@$(BIN)/python -m pytest -m slow

check: $(STAMP)   ## lint, types, and that the generated files are up to date
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m tools.generate --check

format: $(STAMP)  ## format the sources
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(STAMP)    ## write the generated documentation and client methods anew
	@$(BIN)/python -m tools.generate

bench: $(STAMP)   ## the benchmarks; a table goes to standard output
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	@$(BIN)/python -m benchmarks

clean:           ## remove the virtual environment and the caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
