# Two commands matter: `make run` starts the exchange, `make test` checks everything.
PYTHON := $(or $(shell command -v python3.11),$(shell command -v python3))
BIN := .venv/bin
# What each needs and no more: to run, to compile the core, to test.
INSTALLED := .venv/.installed
INSTALLED_BUILD := .venv/.installed-build
INSTALLED_DEV := .venv/.installed-dev
# Of tests, on two cores: half of their time they wait for servers and browsers.
WORKERS ?= 3

DURATION ?= 600
PROOFS ?= 10
MINUTES ?= 10

# MEASURED=1: under coverage.py, with all processes that tests start.
PYTEST = $(BIN)/$(if $(MEASURED),coverage run -m )pytest -n $(WORKERS) --dist worksteal

# Tests start hundreds of processes: without bytecode each of them would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run page client-types test lint types migrations permissions configuration install-check unit unit-pure engine-covered coverage compiled bench plots proofs questions chaos mutants clean compat drills page-soak

help:
	@echo "make run       start the whole exchange on this machine"
	@echo "make page      build the trading page, where there is Node.js or a registry; make run does it, too"
	@echo "make client-types   the types of clients/typescript, made of the schema"
	@echo "make test      lint, types, migrations, all tests, and what of the engine they miss"
	@echo "make lint      ruff alone"
	@echo "make types     mypy alone"
	@echo "make unit      the tests alone"
	@echo "make coverage  the tests, measured: branches that nobody takes, and a floor for each part"
	@echo "make proofs    the random tests at length (PROOFS=10 times as long)"
	@echo "make compiled  compile the matching core, where there is a C compiler"
	@echo "make permissions   write anew who may open and do what in docs/operating.md"
	@echo "make configuration   write anew docs/configuration.md: every variable that is read"
	@echo "make bench     every stage against its floor"
	@echo "make install-check   install into a bare Debian, as root"
	@echo "make page-soak the trading page in a browser under load (MINUTES=10): long tasks, memory, errors"
	@echo "make questions an operator's questions in a real browser; PICTURES=FOLDER takes pictures"
	@echo "make chaos     kill every part under load (HOSTS=1: every host, DISKS=1: fill every disk), and look for what was lost or doubled"
	@echo "make drills    what takes minutes: chaos in short, a restore, failovers, a pooler, a replica, an upgrade, every page"
	@echo "make compat    freqtrade, nautilus_trader and others trade here, and it is written down"
	@echo "make mutants   plant small faults, and say which the tests let pass (hours)"
	@echo "make clean     remove what was installed and made; data stay"

# On the compiled core where `make compiled` has made it, else as pure Python.
run: $(INSTALLED) page
	@exec $(BIN)/python manage.py runexchange

# Once per change of its sources. Says in one line why it can't.
page: $(INSTALLED)
	@$(BIN)/python -m terminal.building

client-types: $(INSTALLED_DEV)
	@mkdir -p build
	DJANGO_SETTINGS_MODULE=tests.mypy_settings $(BIN)/python manage.py spectacular --format openapi-json --file build/schema.json
	cd clients/typescript && npm run types

# What uses one core runs beside what else does.
test: $(INSTALLED_DEV)
	@$(MAKE) --no-print-directory -j 2 types lint migrations compiled
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory engine-covered

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED_DEV)
	$(BIN)/mypy .

migrations: $(INSTALLED_DEV)
	DJANGO_SETTINGS_MODULE=tests.mypy_settings $(BIN)/python manage.py makemigrations --check --dry-run

unit: $(INSTALLED_DEV) compiled page
	$(PYTEST)

# The table of docs/operating.md; a test says when it is old.
permissions: $(INSTALLED_DEV)
	DJANGO_SETTINGS_MODULE=tests.mypy_settings $(BIN)/python manage.py showpermissions --into docs/operating.md

# docs/configuration.md; a test says when it is old. What is set here doesn't matter to it.
configuration: $(INSTALLED_DEV)
	DJANGO_SETTINGS_MODULE=tests.mypy_settings $(BIN)/python manage.py showconfiguration --into docs/configuration.md

# What takes an exchange and servers of its own for minutes. No part of `make test`: run it when
# deployment, recovery or Redis' clients were changed, and before a release.
drills: $(INSTALLED_DEV) compiled
	$(PYTEST) -m drill

# The engine's tests once more, on the sources as they are. Where nothing could be compiled, `unit`
# has just done that.
unit-pure: $(INSTALLED_DEV) compiled
	@$(BIN)/python -c 'import sys, matching; sys.exit(matching.RUNNING_BUILD == "pure")' \
	|| exit 0; MATCHING_PURE=1 $(PYTEST) tests/matching

# The same, measured: what of the engine no test comes to. (C can't be measured.)
engine-covered: $(INSTALLED_DEV)
	@rm -rf build/coverage && mkdir -p build/coverage
	MATCHING_PURE=1 $(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal tests/matching
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='matching/core/*' --fail-under=97

# Every test once more under coverage.py, which takes half as much processor again.
coverage: $(INSTALLED_DEV)
	@rm -rf build/coverage && mkdir -p build/coverage
	$(MAKE) --no-print-directory unit unit-pure MEASURED=1
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='matching/core/*' --fail-under=97
	$(BIN)/coverage report --include='ledger/*' --fail-under=97
	$(BIN)/coverage report --fail-under=92

# Random traders, generated commands and rubbish, PROOFS times as many as in `make unit`.
proofs: $(INSTALLED_DEV) compiled
	PROOFS=$(PROOFS) $(PYTEST) $$(grep -rl --include='test_*.py' 'tests.proofs import' tests)

# The matching core as C, where there is a compiler. Looks at the sources' content, not their dates:
# does nothing where this very build is there, and a build of other sources is never used.
compiled: $(INSTALLED_BUILD)
	@$(BIN)/python -m matching.compiling

# Every stage against its floor, in short: minutes. `python -m benchmarks.book` for one, in full.
bench: compiled
	$(BIN)/python -m benchmarks

# MINUTES of the trading page in Chromium beside a simulator of 50 orders a second.
page-soak: $(INSTALLED_DEV) compiled page
	$(BIN)/python -m benchmarks.page --minutes $(MINUTES)

plots: $(INSTALLED_DEV)
	$(BIN)/python -m benchmarks.plots

# Runs deploy/install.sh in a bare Debian made with debootstrap, as root; says so where it can't.
install-check: $(INSTALLED_DEV)
	$(BIN)/python -m tests.deploy.install_check

# In a process of their own: the browser's event loop is in the way of other tests.
questions: $(INSTALLED_DEV) compiled
	PICTURES=$(PICTURES) $(BIN)/pytest -v tests/flow/questions.py

# Kills every part of an exchange of its own under load, and says whether anything was lost.
# SEED repeats a run, KILLS says how many (one per 5 s); FLAGS=--wipe empties Redis in a short one.
# HOSTS=1: eleven hosts of a network of their own are killed and cut off, as root (FLAGS=--faults N).
# DISKS=1: each disk of an exchange fills up and is emptied again, as root (FLAGS='--only Redis').
CHAOS = $(if $(DISKS),tests.disks,$(if $(HOSTS),tests.hosts,tests.chaos))
chaos: $(INSTALLED_DEV)
	$(BIN)/python -m $(CHAOS) --duration $(DURATION) $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS)) $(FLAGS)

# Clients of the venue that are too heavy for `make test`, against an exchange with its simulator.
# ONLY names one of them, MINUTES says how long freqtrade trades.
compat: $(INSTALLED_DEV) compiled
	$(BIN)/python -m tests.compat $(if $(ONLY),--only $(ONLY)) $(if $(MINUTES),--minutes $(MINUTES))

# Plants small faults one by one in a copy of the tree, and says which of them the tests beside it
# let pass. SEED and SAMPLE choose them, ONLY a part of the tree; takes hours, goes on where it
# stopped. FLAGS=--again asks of the unnoticed once more. See docs/mutants.md.
mutants: $(INSTALLED_DEV)
	$(BIN)/python -m tests.mutants $(if $(SEED),--seed $(SEED)) $(if $(SAMPLE),--sample $(SAMPLE)) --workers $(WORKERS) $(if $(ONLY),--only $(ONLY)) $(FLAGS)

# Made anew whenever a requirement changes. Nothing is removed that was there. pip says what it
# fetches; while it unpacks and says nothing the packages are counted. Bytecode is made afterwards, by
# all cores: else every part of the exchange makes it at once. (ccxt is large and hardly imported;
# some packages carry files that no Python compiles.)
define install
	@echo "installing $(1) into .venv"
	@( before=2; while sleep 2 && kill -0 $$$$; do \
	there=$$(ls -d .venv/lib/python3*/site-packages/*.dist-info | wc -l); \
	test $$there = $$before || echo "  $$there packages are there"; before=$$there; \
	done 2>/dev/null ) & counter=$$!; \
	$(BIN)/python -u -m pip install --no-compile --progress-bar off --disable-pip-version-check -r $(1); \
	status=$$?; kill $$counter; exit $$status
	@echo "compiling what is imported"
	@$(BIN)/python -m compileall -q -j 0 -x '/(ccxt|pip)/' .venv/lib/python3*/site-packages >/dev/null || true
	@touch $@
endef

$(INSTALLED): requirements.txt | $(BIN)/pip
	$(call install,requirements.txt)

$(INSTALLED_BUILD): requirements-build.txt $(INSTALLED)
	$(call install,requirements-build.txt)

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED_BUILD)
	$(call install,requirements-dev.txt)

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 is missing: apt-get install python3.11 python3.11-venv"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed, $(PYTHON) is older"; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { echo "error: Python's venv is missing: apt-get install python3-venv"; exit 1; }
	@echo "making .venv"
	@"$(PYTHON)" -m venv .venv

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache
