# Everything a reader runs. Each target makes the .venv in this folder and installs into it what it needs, once;
# nothing is installed outside it. All paths are relative, so that the folder may have any name.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11, 5))' 2>/dev/null && echo "$$p" && exit; done; echo python3)
JOBS ?= 2
NOTEBOOKS ?= notebooks

venv := .venv/bin/python
needs := pyproject.toml constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo lab test lint unit lessons notebooks bench clean
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:
	@echo "make demo        generate images with the bundled weights: outputs/demo.png"
	@echo "make lab         open the lessons in JupyterLab"
	@echo "make test        check style, run the tests, validate every lesson"
	@echo "make notebooks   run every lesson and store its outputs"
	@echo "make bench       measure speed and quality, for hours: benchmarks/RESULTS.md"
	@echo "make clean       remove .venv and caches; outputs/ and data/ stay"
	@echo "Choose a Python with PYTHON=..., for example: make demo PYTHON=python3.12"

demo: .venv/has-runtime
	@.venv/bin/ldm demo

lab: .venv/has-notebooks
	@$(venv) -m jupyterlab $(LAB_FLAGS) $(firstword $(wildcard notebooks/00*.ipynb))

test: lint unit lessons

lint: .venv/has-dev
	$(venv) -m ruff check .
	$(venv) -m ruff format --check .

unit: .venv/has-dev
	OMP_NUM_THREADS=1 $(venv) -m pytest -n $(JOBS) --dist loadscope tests

lessons: .venv/has-dev
	OMP_NUM_THREADS=1 $(venv) -m pytest -n $(JOBS) --dist loadscope --nbval --nbval-current-env \
		--nbval-cell-timeout 300 --nbval-sanitize-with tests/notebooks/sanitize.cfg $(NOTEBOOKS)

notebooks: .venv/has-notebooks
	$(venv) -m ldm_tutorial.classroom.execute $(NOTEBOOKS)

bench: .venv/has-dev
	$(venv) -m benchmarks.run

clean:
	rm -rf .venv .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment ---------------------------------------------------------------------------------------

# A virtual environment holds its own path, so one that was copied or moved along with the folder is made anew.
ifneq ($(shell cat .venv/path 2>/dev/null),$(CURDIR))
.PHONY: .venv/path
endif

define CHECK
import importlib.util, shutil, sys
python = "Python %d.%d.%d" % sys.version_info[:3]
if sys.version_info < (3, 11, 5):
    sys.exit("%s is too old, 3.11.5 is needed: install a newer one and name it, as in: make demo PYTHON=python3.12" % python)
if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
    sys.exit("%s cannot make virtual environments: install its venv package (Debian: apt install python3-venv)" % python)
free, need = shutil.disk_usage(".").free / 1e9, 11 if sys.platform == "linux" else 4
if free < need:
    sys.exit("%.1f GB are free on this disk and PyTorch needs %d: make room, or clone to another disk" % (free, need))
print("Setting up .venv with %s: a download of some GB, once" % python)
endef
export CHECK

.venv/path:
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11.5 or newer," \
		"or name one, as in: make demo PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c "$$CHECK"
	@"$(PYTHON)" -m venv --clear .venv
	@pwd -P > .venv/path

# pip unpacks some GB in its temporary folder, and /tmp is often small.
install = mkdir -p .venv/tmp && TMPDIR="$$PWD/.venv/tmp" $(venv) -m pip install $$(test -t 2 || echo --quiet) \
	--constraint constraints.txt --editable

.venv/has-runtime: .venv/path $(needs)
	@$(install) .
	@touch $@

.venv/has-notebooks: .venv/path $(needs)
	@$(install) ".[notebooks]"
	@touch .venv/has-runtime $@

.venv/has-dev: .venv/path $(needs)
	@$(install) ".[notebooks,dev,data]"
	@touch .venv/has-runtime .venv/has-notebooks $@
