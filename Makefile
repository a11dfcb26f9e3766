# Two commands matter: `make demo` and `make test`. Both need only git, make and Python >= 3.11.

PYTHON ?= python3
BIN := .venv/bin

# What the tests start again and again is compiled once, also where a container says otherwise.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-latest test-oldest slow docs speed-quick fuzz lint audit clean

demo: .venv/installed
	@rm -rf runs/demo
	$(BIN)/forecast demo runs/demo

# Neighbours stay on one process as long as the others have work: they share what is made once.
test: lint
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# The tests with the newest versions of everything, and with the lowest that pyproject.toml allows.
# Each in an environment of its own, which uv makes: pip tries combinations of the lowest for hours.
# TORCH=2.13.0+cpu pins torch, where a CUDA build is too large.
# statsforecast caps pandas: the newest is put over it, as users have it who need no statsforecast.
# Old libraries warn of the newer ones beneath them, which says nothing of us; nor does it when a
# library is compiled whose docstrings have stray backslashes (utilsforecast).
RESOLUTION_latest := highest
RESOLUTION_oldest := lowest-direct
OVERRIDES_latest := 'pandas>=3'
WARNINGS_oldest := -W default
WARNINGS_latest := -W 'ignore:invalid escape sequence:DeprecationWarning' \
	-W 'ignore:invalid escape sequence:SyntaxWarning'
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

test-latest test-oldest: test-%: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) .venv-$*
	@printf '%s\n' $(OVERRIDES_$*) $(TORCH:%='torch==%') > .venv-$*/overrides.txt
	$(BIN)/uv pip install --quiet --python .venv-$*/bin/python --resolution $(RESOLUTION_$*) \
		--override .venv-$*/overrides.txt --editable '.[dev]'
	.venv-$*/bin/python -m pytest --numprocesses auto --dist worksteal $(WARNINGS_$*)

slow: .venv/installed
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --timeout 1800 \
		-m 'slow or hypothesis' --hypothesis-profile thorough

# The site, in site/: without network. A broken link, a missing reference or a public name without a
# page is an error. What the pages show is checked by the tests: tests/docs/.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

# About a minute: shows that the benchmark of speed runs; its figures say nothing.
speed-quick: .venv/installed
	$(BIN)/python benchmarks/speed.py --quick

fuzz: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m fuzz --output benchmarks/RELIABILITY.md

# Of the audit only a known fault fails it: a package index may know no faults at all.
lint: .venv/installed
	@$(BIN)/python scripts/audit.py || [ $$? = 2 ]
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Fails for a known fault, and where no package could be looked up although there is a network.
audit: .venv/installed
	@$(BIN)/python scripts/audit.py

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv .venv-latest .venv-oldest runs site .mypy_cache .pytest_cache .ruff_cache .hypothesis
