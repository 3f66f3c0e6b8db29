# mailcrm's commands. `make help` lists them.
# Needs python3 (3.11 or newer) with its venv module, make and git; everything else goes into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
SOURCES := include dags plugins tests benchmarks

# Airflow without byte code starts three times slower; a foreign PYTHONPATH would shadow the pins.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME
export PYTHONUTF8 := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# uv caches under HOME; where there is none to write to, beside the virtual environment.
ifneq ($(shell test -n "$$HOME" && test -w "$$HOME" && echo yes),yes)
export UV_CACHE_DIR ?= $(CURDIR)/var/uv-cache
endif

# An organisation's own certificate authority is in the system's store, where there is a store.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS ?= 1
endif

UV = $(BIN)/uv
# uv does not read pip's configuration: it gets the index that pip was told to use, if any.
INDEX = $${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}
INSTALL = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$(INDEX)}" $(UV) pip install --compile-bytecode
# uv's own lines show progress; the list of every package is noise.
QUIETLY = 2>&1 | sed -u -e '/^ [-+~] /d' -e '/^ *Downloaded /d' -e 's/^/      /'
PIN = $(UV) pip compile --quiet --universal --python-version 3.11 --no-emit-index-url \
	--custom-compile-command "make pins" $(ARGS)

.PHONY: help demo up test evidence evaluate bench bench-airflow check format pins venv clean

help:  ## list the commands
	@sed -n -E 's/^([a-z-]+):.*  ## (.*)$$/make \1\t\2/p' $(MAKEFILE_LIST)

demo: $(VENV)/.installed  ## fill a local mail server, sync it through Airflow into CRM tables, show the result
	@$(BIN)/mailcrm demo

up: $(VENV)/.installed  ## the demo's home with the whole Airflow on http://localhost:8080; Ctrl-C stops it
	@$(BIN)/mailcrm up

test: $(VENV)/.installed-dev  ## every test, against real servers (installs missing ones when it may)
	@bash tests/setup_servers.sh
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --timeout 600

evidence: $(VENV)/.installed-dev  ## every test, those of faults in their long form; writes docs/evidence.md
	@bash tests/setup_servers.sh
	@MAILCRM_EVIDENCE=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --evidence docs/evidence.md

evaluate: $(VENV)/.installed-dev  ## measure on ../shared/corpora; writes docs/match-quality.md
	@$(BIN)/python benchmarks/match_quality.py

bench: $(VENV)/.installed-dev  ## time a sync beside others (N=20000 REPEATS=3 CASE=mixed; more: BENCH=--help)
	@PYTHONPATH=tests $(BIN)/python benchmarks/sync.py --messages $(or $(N),2000) --repeats $(or $(REPEATS),1) \
		$(if $(CASE),--case $(CASE)) $(BENCH)

bench-airflow: $(VENV)/.installed-dev  ## many mailboxes: until visible, parsing, idle CPU; watched ones: memory, latency (N=1000)
	@$(BIN)/python benchmarks/many_mailboxes.py -n $(or $(N),200)
	@$(BIN)/python benchmarks/watchers.py --mailboxes $(or $(N),1000)
	@$(BIN)/python benchmarks/triggerer.py --mailboxes $(or $(N),1000)

check: $(VENV)/.installed-dev  ## format, lint, types, imports, fast tests
	@echo "ruff format"; $(BIN)/ruff format --check --quiet $(wildcard $(SOURCES))
	@echo "ruff check"; $(BIN)/ruff check --quiet $(wildcard $(SOURCES))
	@echo "mypy --strict"; $(BIN)/mypy --no-error-summary
	@echo "lint-imports"; out=$$(PYTHONPATH=include:dags:plugins $(BIN)/lint-imports 2>&1) || { echo "$$out"; exit 1; }
	@echo "fast tests"; $(BIN)/python -m pytest -q -n $(WORKERS) --timeout 120 tests/unit tests/architecture

format: $(VENV)/.installed-dev  ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only $(wildcard $(SOURCES)); $(BIN)/ruff format $(wildcard $(SOURCES))

pins: $(UV)  ## write requirements*.txt from requirements*.in (ARGS=--upgrade takes newer releases)
	@$(PIN) requirements.in --output-file requirements.txt
	@$(PIN) requirements-dev.in --output-file requirements-dev.txt
	@$(PIN) requirements-cluster.in --output-file requirements-cluster.txt
	@git diff --stat -- requirements.txt requirements-dev.txt requirements-cluster.txt

venv: $(VENV)/.installed-dev  ## .venv with everything that development needs

clean:  ## remove .venv, caches and everything that the demo wrote (var/)
	@rm -rf $(VENV) var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "mailcrm needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1)." \
		"Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "[1/3] $(VENV): virtual environment with $$($(PYTHON) -V) and uv $(UV_VERSION)"
	@$(PYTHON) -m venv $(VENV) || { echo "python3's venv module is missing or broken:" \
		"apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet "uv==$(UV_VERSION)"

$(VENV)/.installed: requirements.txt pyproject.toml | $(UV)
	@echo "[2/3] $(VENV): $$(grep -c == requirements.txt) pinned packages (a minute or two the first time)"
	@$(INSTALL) -r requirements.txt $(QUIETLY)
	@echo "[3/3] $(VENV): mailcrm itself"
	@$(INSTALL) --quiet --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "[+] $(VENV): what checks and tests need"
	@$(INSTALL) -r requirements-dev.txt $(QUIETLY)
	@touch $@
