# make demo    index real photographs, run queries, write a contact sheet (in an environment of the light form)
# make test    format, lint, types, the whole test suite, its light part on newer Pythons
# make test-scale  what needs a Milvus server or Ray, and further types in PostgreSQL: a quarter of an hour
# make coverage  the whole test suite, and which lines it runs (takes half as long again)
# make docs    the documentation as a site, in build/site
# make bench   our commands beside rclip and clip-retrieval, one table (installs both; an hour)
# make train   train the bundled encoder again (DATA=folder with the data sets that its card names)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := .venv-demo
# The slow files come early by their names, in this order.
SUITE := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-scale coverage docs bench train clean

demo: $(DEMO)/.installed
	$(DEMO)/bin/python -m tools.demo demo-out $(DEMO)/photographs

test: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(SUITE)
	$(BIN)/python -m tools.light_tests

# One after the other: two servers of Milvus on one machine take each other's ports.
test-scale: $(VENV)/.installed
	$(BIN)/pip install --quiet -c constraints.txt -e '.[test-scale]'
	$(BIN)/python -m pytest --scale -m scale tests/contract tests/indexer/vectors tests/indexer/pipeline tests/e2e tests/search/exchange

coverage: $(VENV)/.installed
	$(SUITE) --cov

docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open build/site/index.html"

bench: $(VENV)/.installed
	$(BIN)/python tests/benchmarks/bench_rivals.py --json bench.json

train: $(VENV)/.installed
	$(BIN)/pip install --quiet -c constraints.txt -e '.[training]'
	$(BIN)/python -m tools.bundled.pack --data $(DATA)
	$(BIN)/python -m tools.bundled.train
	$(BIN)/python -m tools.bundled.ship --data $(DATA)

CHECK_PYTHON = @$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'

# The packages of photographs are unpacked beside the environment, and nothing that they need: only their pictures count.
$(DEMO)/.installed: pyproject.toml packaging/light/pyproject.toml constraints.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/pip install --quiet --no-compile -c constraints.txt -e ./packaging/light
	$(DEMO)/bin/pip install --quiet -c constraints.txt --no-deps --no-compile --upgrade --target $(DEMO)/photographs \
		matplotlib scikit-image scikit-learn
	touch $@

$(VENV)/.installed: pyproject.toml constraints.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[demo,docs,test]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) .venv-light-* .bench bench.json demo-out build dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
