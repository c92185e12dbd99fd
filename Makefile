# Two commands matter: `make run` starts the exchange, `make test` checks everything.
PYTHON := $(or $(shell command -v python3.11),$(shell command -v python3))
BIN := .venv/bin
INSTALLED := .venv/.installed
WORKERS ?= 2

.PHONY: run test lint types migrations unit clean

run: $(INSTALLED)
	@exec $(BIN)/python manage.py runexchange

test: lint types migrations unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy .

migrations: $(INSTALLED)
	DJANGO_SETTINGS_MODULE=tests.mypy_settings $(BIN)/python manage.py makemigrations --check --dry-run

unit: $(INSTALLED)
	$(BIN)/pytest -n $(WORKERS)

# Made anew whenever a requirement changes. Nothing is removed that was there.
$(INSTALLED): requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 is missing: apt-get install python3.11 python3.11-venv"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed, $(PYTHON) is older"; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { echo "error: Python's venv is missing: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/pip || "$(PYTHON)" -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
