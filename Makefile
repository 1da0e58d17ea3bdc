# Each target is one line; docs/install.md says how to do without make.
PYTHON ?= python3
DEVICE ?=
BIN := .venv/bin/python
# on few cores the threads of two libraries fight each other; what is compiled is kept for every worker and child
TEST_ENV := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

PYTEST = $(TEST_ENV) $(BIN) -m pytest --numprocesses=auto --dist=loadgroup $(if $(DEVICE),--device=$(DEVICE))

.PHONY: setup report report-full test slow portable floors parity-cuda soak prove audit mutants check

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv && $(BIN) -m pip install --constraint constraints.txt --editable '.[dev]' && touch $@

report: setup
	$(BIN) -m experiments.report

report-full: setup
	$(BIN) -m experiments.report --full

test: setup
	$(PYTEST) -m "not slow"

slow: setup
	$(PYTEST) -m slow

portable: setup
	$(BIN) -m parity_tests.portable

floors: setup
	$(BIN) -m parity_tests.floors

parity-cuda: setup
	$(TEST_ENV) $(BIN) -m parity_tests.parity_cuda $(if $(DEVICE),--device=$(DEVICE))

soak: setup
	$(TEST_ENV) $(BIN) -m parity_tests.train.checkpoints.soak && $(TEST_ENV) $(BIN) -m parity_tests.commands.hostile.fuzz
	$(TEST_ENV) $(BIN) -m pytest parity_tests/train/processes

prove: setup
	$(TEST_ENV) $(BIN) -m parity_tests.prove

audit: setup
	$(BIN) -m pip install --quiet --constraint constraints.txt --editable '.[audit]' && $(TEST_ENV) $(BIN) -m parity_tests.audit

mutants: setup
	$(TEST_ENV) $(BIN) -m parity_tests.mutants

check: setup
	$(BIN) -m ruff check && $(BIN) -m ruff format --check && $(BIN) -m basedpyright && .venv/bin/lint-imports
