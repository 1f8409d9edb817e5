# make sweep   the main job: the locust antennal lobe over size, coupling and solver, to figures
# make figures every experiment in conf/experiment/, to results/report.html; SCALE=paper at the size of a publication
# make test    the fast tests
# make docs    the documentation, to site/html/index.html
# Each makes the virtual environment .venv when it is missing; PYTHON=python3.13 chooses another Python for it.

PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
BIN := .venv/bin
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
INSTALLED := .venv/installed-$(VERSION)
REST := slow or slurm or chaos or peers or browser
KILLS ?= 30
PART ?= measures
SITE ?= site

EXPERIMENTS ?= $(basename $(notdir $(wildcard conf/experiment/*.yaml)))

.PHONY: help sweep figures docs test test-all test-oldest coverage chaos notebooks check rooms benchmark evidence measure lock clean

help:
	@sed -n 's/^# //p' Makefile
	@echo 'make test-all   the tests that make test leaves out'
	@echo 'make test-oldest   the fast tests with the oldest packages that pyproject.toml allows, in .venv-oldest (needs uv)'
	@echo 'make coverage   the fast tests, and which lines of psst_core they leave out'
	@echo 'make chaos KILLS=200   so many kills at random moments, each then mended'
	@echo 'make notebooks  execute notebooks/ anew, in place (minutes)'
	@echo 'make check      linters, formatting, spelling, types and layers'
	@echo 'make benchmark  speed and memory beside other tools (half an hour, needs g++)'
	@echo 'make evidence PART=measures   measures beside Elephant, PySpike and SciPy, in .venv-evidence (a minute)'
	@echo 'make rooms      how easy the code is to enter, as numbers'
	@echo 'make measure    what a step takes on this machine, for the division into jobs (a minute)'
	@echo 'make lock       pin the newest packages in requirements.lock, with their hashes (needs uv)'
	@echo 'make clean      remove .venv, site and caches; results stay'

$(INSTALLED): requirements.lock pyproject.toml psst_core/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "PSST needs Python 3.11, 3.12 or 3.13; choose one with PYTHON=")'
	@test -x $(BIN)/python -a "$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = $(VERSION) \
	    || $(PYTHON) -m venv --clear .venv
	@echo 'Installing the packages of requirements.lock into .venv (a minute or two, 3.2 GB) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

sweep: $(INSTALLED)
	$(BIN)/snakemake

figures: $(INSTALLED)
	set -e; for experiment in $(EXPERIMENTS); do \
	    $(BIN)/snakemake --config experiment=$$experiment $(if $(filter paper,$(SCALE)),overrides=scale=paper); done
	$(BIN)/snakemake --config experiment=report
	$(BIN)/snakemake --config experiment=report --report results/report.html

docs: $(INSTALLED)
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --write-all \
	    -d $(SITE)/doctrees notebooks $(SITE)/html
	@echo 'Done: $(SITE)/html/index.html'

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not ($(REST))'

test-all: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=20 -m '$(REST)'

## Old packages warn of newer ones; only our own lock is without warnings.
test-oldest:
	uv venv --quiet --clear --python 3.11 .venv-oldest
	uv pip install --quiet --python .venv-oldest --resolution lowest-direct --editable '.[test]'
	.venv-oldest/bin/python -m pytest -n 2 --dist loadfile -W default -m 'not ($(REST))'

coverage: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not ($(REST))' --cov --cov-report=term-missing

chaos: $(INSTALLED)
	KILLS=$(KILLS) $(BIN)/python -m pytest -s -m chaos

notebooks: $(INSTALLED)
	$(BIN)/jupyter nbconvert --log-level WARN --to notebook --execute --inplace --ExecutePreprocessor.timeout=600 \
	    --ExecutePreprocessor.record_timing=False --ExecutePreprocessor.store_widget_state=False notebooks/*.ipynb

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check workflow
	$(BIN)/typos
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/lint_workflow.py

rooms: $(INSTALLED)
	$(BIN)/python .ci/rooms.py

benchmark: $(INSTALLED)
	$(BIN)/snakemake --config experiment=benchmark

.venv-evidence/installed: workflow/evidence/requirements.txt
	$(PYTHON) -m venv --clear .venv-evidence
	.venv-evidence/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

evidence: $(INSTALLED) .venv-evidence/installed
	$(BIN)/python workflow/evidence/$(PART).py .venv-evidence/bin/python

measure: $(INSTALLED)
	$(BIN)/python -c 'from psst_core.plan.machine import remember; remember()'

lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra test --extra notebooks --extra docs --upgrade \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --output-file requirements.lock

clean:
	rm -rf .venv .venv-oldest .venv-evidence site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage *.egg-info
