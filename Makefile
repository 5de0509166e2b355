# make env    .venv with everything (again only when pyproject.toml changed)
# make lab    the lecture, in JupyterLab, on your own copy of the notebooks
# make test   every test at everyday counts        make test-long   full counts
# make slides the deck again: slides/dist, HTML and PDF in both languages (needs Node 20 and Chromium)
# make class  the notebooks without answers, in dist/class        make instructor  all solved, in dist/instructor
# make versions  the tests under each Python that uv finds, the first time with the oldest dependencies stated
# make site   the lecture as static pages, both languages, in dist/site: published by copying the folder
# make refresh  what is stale under data/ and of the notebooks' outputs again, in order (hours; it goes on where it was)
# Options:    make lab LAB="--no-browser --port 8899 --reset"        make env PYTHON=/path/to/python3.12

.PHONY: help env lab test test-long versions check notebooks class instructor slides site refresh clean
.DEFAULT_GOAL := help

OLD_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 10))'
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	"$$p" $(OLD_ENOUGH) >/dev/null 2>&1 && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN := $(BIN)/python
# Both languages, strictly, on both cores, and with every connection refused that leaves this computer.
NBVAL := PYTHONPATH=tests/offline $(RUN) -m pytest -q -n 2 --dist loadfile --durations=10 \
	--nbval --nbval-sanitize-with tests/sanitize.cfg --nbval-cell-timeout 300 notebooks

help:
	@sed -n '1,9s/^# //p' Makefile

env: $(VENV)/.installed

# uv takes a quarter of pip's time: the one on the PATH, or one installed into .venv. Where it is not to be had,
# or cannot reach what pip can (pip has its own settings), pip does it.
$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Salon needs Python 3.10 or later on the PATH (or make env PYTHON=...)."; exit 1; }
	@if test -x $(RUN); then :; \
	elif uv --version >/dev/null 2>&1; then uv venv --seed --python "$(PYTHON)" $(VENV); \
	else "$(PYTHON)" -m venv $(VENV); fi
	@uv --version >/dev/null 2>&1 || $(RUN) -m uv --version >/dev/null 2>&1 || $(RUN) -m pip install -q uv || true
	@if uv --version >/dev/null 2>&1; then uv=uv; else uv="$(RUN) -m uv"; fi; \
	$$uv pip install --python $(RUN) -e ".[lab,test]" || $(RUN) -m pip install -e ".[lab,test]"
	@touch $@

lab: env
	$(RUN) -m salon lab $(LAB)

check: env
	$(RUN) -m ruff check
	$(RUN) -m mypy

notebooks: env
	$(NBVAL)

class: env
	$(RUN) -m authoring notebooks class

instructor: env
	$(RUN) -m authoring notebooks instructor

test: check
	$(RUN) -m pytest -q -n 2 --dist loadfile --durations=10
	$(NBVAL)

# Three times in a row, then with the plainest instruction set: what is stored must not hang on this CPU.
test-long: check
	SALON_LONG=1 $(RUN) -m pytest -q -n 2 --dist loadfile --durations=20
	$(NBVAL)
	$(NBVAL)
	$(NBVAL)
	ATEN_CPU_CAPABILITY=default $(NBVAL)

versions:
	@for p in 3.10-lowest-direct 3.10-highest 3.11-highest 3.12-highest 3.13-highest 3.14-highest; do \
		v=dist/versions/$$p; echo "== Python $$p"; \
		uv venv -q --clear --no-python-downloads --python "$${p%%-*}" $$v && \
		uv pip install -q --python $$v --resolution "$${p#*-}" -e ".[lab,test]" && \
		$$v/bin/python -m pytest -q -n 2 --dist loadfile | tail -n 3; done

slides: env slides/node_modules/.package-lock.json
	$(RUN) -m authoring slides build

slides/node_modules/.package-lock.json: slides/package-lock.json
	@npm --version >/dev/null 2>&1 || { echo "npm is missing; it comes with Node 20 or later: apt install nodejs npm, or brew install node."; exit 1; }
	npm ci --prefix slides --no-audit --no-fund

site: env
	$(RUN) -m authoring site

refresh: env
	$(RUN) -m authoring refresh

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
