# Each target sets up what it needs in .venv, in the versions of constraints.txt; nothing else is
# assumed but Python 3.11. Newer ones are let through: README.md says what was tried with them.
# On Linux PyTorch's CPU build is taken, where PyTorch's own index can be reached; GPU=1 takes the
# default build. PIP_ARGS is given to pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_ARGS ?=
GPU ?=
INSTALL = $(PYTHON) -m grader.install $(if $(GPU),--gpu)
SUBMITTED ?= build/cohort/submitted
COURSE_DIR ?= $(if $(filter build/cohort/submitted,$(SUBMITTED)),build/cohort,.)
GRADE_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=

.PHONY: lab grade test quick lint release solved tidy prove doctor site bench clean

lab: $(VENV)/.student
	$(BIN)/python -m grader lab

grade: $(VENV)/.instructor
	$(if $(filter build/cohort/submitted,$(SUBMITTED)),$(BIN)/python -m grader sample --output $(SUBMITTED))
	$(BIN)/python -m grader grade $(SUBMITTED) --course-dir $(COURSE_DIR) $(GRADE_ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m grader freeze
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

# The laws of lessons, rules, protocol and house: what a change most often breaks. None of them reads
# the frozen answers, which a change of the engine has made anew for minutes (tests/conftest.py).
quick: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 -m "not slow" tests/rules tests/protocol tests/source tests/lessons $(wildcard tests/test_*.py) $(TEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

release: $(VENV)/.instructor
	$(BIN)/python -m grader release

solved: $(VENV)/.instructor
	$(BIN)/python -m grader solve --execute

tidy: $(VENV)/.instructor
	$(BIN)/python -m grader tidy

prove: $(VENV)/.instructor
	$(BIN)/python -m grader prove

doctor: $(VENV)/.instructor
	$(BIN)/python -m grader doctor

# The course as pages, in build/site; it prints the first one's path.
site: $(VENV)/.site
	$(BIN)/python -m grader site

# This grader beside nbgrader and the least possible: hours; BENCH_ARGS chooses lessons, rounds, ways.
bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench.cohort $(BENCH_ARGS)
	$(BIN)/python -m tests.bench.stages

clean:
	rm -rf build release $(VENV)

$(VENV)/.student: pyproject.toml constraints.txt
	@$(INSTALL) -- $(PIP_ARGS)
	@touch $@

$(VENV)/.instructor: pyproject.toml constraints.txt
	@$(INSTALL) --extras instructor -- $(PIP_ARGS)
	@touch $@ $(VENV)/.student

$(VENV)/.site: pyproject.toml constraints.txt
	@$(INSTALL) --extras instructor,site -- $(PIP_ARGS)
	@touch $@ $(VENV)/.instructor $(VENV)/.student

$(VENV)/.dev: pyproject.toml constraints.txt
	@$(INSTALL) --extras instructor,site,dev -- $(PIP_ARGS)
	@touch $@ $(VENV)/.instructor $(VENV)/.site $(VENV)/.student
