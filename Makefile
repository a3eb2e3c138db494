# Everything that a contributor does has one command here. PYTHON chooses the interpreter of the environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CORES ?= 8
# What make report makes, and of which configuration: REPORT=mine/results/report.html CONFIGFILE=mine.yaml.
REPORT ?= results/report.html
CONFIGFILE ?=
# Tests run in a process for each core, up to four, and one more (tests/conftest.py); TESTS_BESIDE="" runs one after the other.
TESTS_BESIDE ?= -n logical --dist loadscope --no-loadscope-reorder
READY := $(VENV)/.ready
# The site of the documentation is made by packages of its own.
DOCS_VENV ?= .venv-docs
DOCS_READY := $(DOCS_VENV)/.ready
SITE ?= site

.PHONY: environment table1 report test unit check format storage reference docs bench clean

environment: $(READY)  ## .venv with everything that runs dfnas, and nothing run

table1: $(READY)  ## the comparison on the embedded default: results/table1.csv
	PATH="$(abspath $(BIN)):$$PATH" dfnas run results/table1.csv --cores $(CORES)

report: $(READY)  ## everything, and results/report.html to look at it
	PATH="$(abspath $(BIN)):$$PATH" snakemake --cores $(CORES) $(if $(CONFIGFILE),--configfile $(CONFIGFILE))
	PATH="$(abspath $(BIN)):$$PATH" snakemake $(if $(CONFIGFILE),--configfile $(CONFIGFILE)) --report $(REPORT)

test: $(READY)  ## the whole suite
	PATH="$(abspath $(BIN)):$$PATH" python -m pytest $(TESTS_BESIDE)

unit: $(READY)  ## the fast tests alone
	PATH="$(abspath $(BIN)):$$PATH" python -m pytest $(TESTS_BESIDE) -m "not slow" tests/unit

check: $(READY)  ## style of Python and Snakemake files, and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow && $(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/snakefmt Snakefile workflow

$(READY): envs/requirements.txt envs/constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dfnas needs Python 3.11 or newer; $(PYTHON) is older. Say PYTHON=/path/to/python3.11 (or newer)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r envs/requirements.txt -c envs/constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

storage: $(READY)  ## what results in a bucket need, into the same environment
	$(BIN)/python -m pip install --quiet -r envs/storage.txt -c envs/constraints.txt

reference: $(READY)  ## writes the configuration's page and schema anew, from the settings
	$(BIN)/python -m dfnas.settings.document .

docs: reference $(DOCS_READY)  ## the documentation as a site: site/index.html
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --quiet --strict --site-dir $(SITE)

$(DOCS_READY): envs/docs.txt
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet -r envs/docs.txt
	@touch $@

bench: $(READY)  ## steps of the inversion against the bare teacher; where a finished run spent its time
	$(BIN)/python benchmarks/inversion_floor.py --batch 64
	@test ! -d results/benchmarks || $(BIN)/python benchmarks/stage_times.py results

clean:  ## removes results and caches, keeps the environment
	rm -rf results $(SITE) .snakemake .pytest_cache .hypothesis .ruff_cache .mypy_cache
