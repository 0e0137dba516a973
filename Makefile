# Everything runs in .venv, which the first target used makes. Without make (Windows):
#   python -m wsss_lite.setup lab      and so on, with the same words.
PYTHON ?= python3
ARGS ?=

.PHONY: help setup lab test demo bench results notebooks lock clean

help:
	@echo "make lab        open the course in JupyterLab (copies in work/)"
	@echo "make test       run every test and every notebook"
	@echo "make demo       from tags to masks on 300 scenes, in a minute or two"
	@echo "make bench      measure speed beside other libraries"
	@echo "make results    recompute the rows of data/results that are missing or stale"
	@echo "make notebooks  run the notebooks that changed and store their outputs"
	@echo "make clean      remove .venv and caches; work/ stays"
	@echo "Options go in ARGS, as in: make test ARGS='-k crf'"

setup lab test demo bench results notebooks:
	@$(PYTHON) -m wsss_lite.setup $@ $(ARGS)

# After a change of the requirements in pyproject.toml. torch is pinned without its build tag, and
# its CUDA packages are left out: which build of torch fits is decided at set-up.
lock:
	@$(PYTHON) -m wsss_lite.setup lock

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache
	find wsss_lite tests benchmarks notebooks -name __pycache__ -prune -exec rm -rf {} +
	find notebooks -name .ipynb_checkpoints -prune -exec rm -rf {} +
