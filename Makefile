# Two commands are the whole set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test browser check docs benchmark lock clean

demo: $(READY)
	$(BIN)/qclmixnet demo --out qclmixnet-demo

# Two processes of one thread each: small tensors gain nothing from a second thread.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal

# The pages are also opened in a browser, where one can be had.
browser:
	tests/accessibility/install.sh

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/typos
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pydoclint --quiet src

# The quick suite and its page; goes on where an earlier run was stopped.
benchmark: $(READY)
	$(BIN)/qclmixnet benchmark --suite quick
	$(BIN)/qclmixnet report qclmixnet-benchmark-quick

docs: $(READY)
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

$(READY): constraints.txt pyproject.toml
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt pip
	$(BIN)/python -m pip install -q -c constraints.txt --group dev -e '.[all]'
	touch $(READY)

# Write down the versions of the present environment, after an upgrade on purpose.
lock:
	$(BIN)/python -m pip freeze --all --exclude-editable | grep -v '^setuptools=' | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf .venv docs/_build docs/api docs/auto_examples tests/accessibility/node_modules
