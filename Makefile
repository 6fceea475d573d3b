# What a person can do here. Needed: git, make and Python 3.11 or newer; everything else goes into .venv.
#
#   make demo    run the tour from top to bottom and write reports/tour.html
#   make lab     open the tour in JupyterLab, with the lessons beside it (ARGS=--no-browser and the like go to it)
#   make test    all checks and tests, as CI runs them
#   make quick   the checks and the quick tests, under a minute
#   make bench   the benchmarks
#   make soak    the long tests: a crash at every operation on the disk, a hundred random kills, a minute of load on the server,
#                half an hour of everything at random (MINUTES=5 for less)
#   make clients curl, schemathesis and the official JavaScript client against the server (needs curl, Node and npm)
#   make clean   remove what the others made

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo lab test quick check bench soak clients browser clean

BIN := .venv/bin
WORKERS ?= 2
MINUTES ?= 30

# The first Python that is new enough and can make a virtual environment.
FIND_PYTHON = for p in $(PYTHON) python3.11 python3 python3.12 python3.13; do \
	if "$$p" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$p"; exit; fi; done; \
	echo "Python 3.11 or newer with its venv module is needed (Debian: apt-get install python3-venv); PYTHON=/path/to/python names another." >&2; exit 1

help:
	@sed -n 's/^#   //p' Makefile

.venv/pyvenv.cfg:
	@python=$$($(FIND_PYTHON)); echo "making .venv with $$("$$python" --version)"; "$$python" -m venv .venv

# One stamp for each set of extras: the installation is repeated only when pyproject.toml has changed.
.venv/lab.stamp: pyproject.toml | .venv/pyvenv.cfg
	@echo "installing the project into .venv, which takes a minute or two"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[lab]'
	@touch $@

.venv/test.stamp: pyproject.toml | .venv/pyvenv.cfg
	@echo "installing the project and its test tools into .venv, which takes a minute or two"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ .venv/lab.stamp

demo: .venv/lab.stamp
	@$(BIN)/pe-kit demo --to reports/tour.html

lab: .venv/lab.stamp
	@$(BIN)/pe-kit lab $(ARGS)

# The browser tests drive Debian's Chromium.
browser:
	@if command -v chromium >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root=sudo; else as_root=none; fi; \
	if [ "$$as_root" = none ] || ! command -v apt-get >/dev/null; then \
		echo "make test drives a real browser: install Chromium so that 'chromium' is on the PATH (Debian: apt-get install chromium)." >&2; exit 1; fi; \
	echo "installing Chromium"; \
	$$as_root apt-get update -qq; \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null

check: .venv/test.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict pe_kit

quick: check
	@$(BIN)/pytest -q -n $(WORKERS) -m "not slow and not browser"

test: .venv/test.stamp browser check
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadgroup --max-worker-restart=0

bench: .venv/test.stamp
	@for script in tests/benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

soak: .venv/test.stamp
	@PE_KIT_SOAK=1 $(BIN)/pytest -q --timeout 0 tests/store/test_crash.py
	@$(BIN)/python tests/benchmarks/soak_server.py 60
	@$(BIN)/python tests/benchmarks/soak_mixed.py $(MINUTES)

clients: .venv/test.stamp
	@$(BIN)/python tests/clients/run.py

clean:
	@rm -rf .venv build dist reports *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
