# The environment is made once and again whenever the lock file or pyproject.toml changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test soak ui lint bench docs lock clean

demo: $(INSTALLED)  ## the whole loop on sample data and the built-in sandbox
	$(BIN)/enlist demo

ui: $(INSTALLED)  ## the Dagster UI with the sandbox beside it
	$(BIN)/enlist ui

test: $(INSTALLED) lint  ## everything that CI checks
	DAGSTER_DISABLE_TELEMETRY=1 $(BIN)/dagster definitions validate -w workspace.yaml --log-level error
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder

soak: $(INSTALLED)  ## the cases that make test leaves out: every call killed, every open point turned, new random ones
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder -m soak
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder -m hypothesis --hypothesis-profile default

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## what a large push, a large plan, many addresses and statistics cost, beside the least possible (an hour, 30 GB of disk)
	$(BIN)/python tests/benchmark

docs: $(INSTALLED)  ## dbt's page on every table of the default home: data/reports/dbt.html
	$(BIN)/python -m pipelines.dbt_docs

lock:  ## resolve the versions anew
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-header --no-emit-index-url \
		--no-emit-find-links --no-annotate --quiet --output-file constraints.txt

clean:  ## throw away what a demo made
	rm -rf data/crm data/ledger data/history data/landing data/reports data/sandbox data/logs data/.locks data/*.duckdb data/*.duckdb.*
	git clean -fdXq data/dagster_home

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Enlist needs Python 3.11 to 3.13: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps mailupy==1.1.4  # it asks for requests 2.31
	touch $@
