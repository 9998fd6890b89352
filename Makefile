# What one can do here. `make help` lists the targets; each sets up what it needs by itself.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.stamp
JOBS ?= auto
# uv where it is, else pip: $(call install,EXTRA)
EXTRAS ?= dev
install = if command -v uv >/dev/null 2>&1; then uv pip install -q --python $(RUN)/python -e '.[$(1)]'; \
	else $(RUN)/python -m pip install -q --disable-pip-version-check -e '.[$(1)]'; fi
# pytest keeps the tests' compiled modules: to make them again costs each of its processes some seconds.
unexport PYTHONDONTWRITEBYTECODE
SHELL_FILES = $(shell git ls-files "*.sh" .ci/run bin/claudetools)

.DEFAULT_GOAL := help
.PHONY: help demo install test test-fast e2e lab mutants bench bench-docs check format schedule sync model wiki-html dist release clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## the whole job on real repositories in a temporary folder (8 s)
	@bash scripts/demo.sh

install: ## put claudetools into a repository: make install REPO=path [CI=github|gitea]
	@bash scripts/install.sh $(if $(filter github gitea,$(CI)),--ci $(CI)) -- "$${REPO:-}"

test: $(STAMP) ## the tests: real git, real processes, real signals (K=word picks, SEED=number repeats a run, TEST_BASH=path)
	@$(RUN)/python -m pytest -n $(JOBS) $${K:+-k "$$K"}

test-fast: $(STAMP) ## after each edit: what needs no repository, the core of sync, a small part of the rest
	@FAST=1 $(RUN)/python -m pytest -n $(JOBS) $${K:+-k "$$K"}

e2e: $(STAMP) ## the real Claude Code, brought by npm into .e2e/ (235 MB), offline against a scripted model
	@CLAUDETOOLS_E2E=install $(RUN)/python -m pytest -n 2 -m e2e -rs

lab: $(STAMP) ## every place of every matrix, and the long runs (SHARD=2/8 takes the second eighth)
	@$(RUN)/python -m pytest -n $(JOBS) -m lab -rA $${K:+-k "$$K"}
	@case $${SHARD:-1/} in 1/*) bash tests/model/run.sh ;; esac

mutants: $(STAMP) ## change COUNT=10 lines of lock, checkout, merge and attribution: do the tests notice?
	@$(RUN)/python tests/mutants.py $${COUNT:-10}

model: ## the models of lock, journal and queue, checked by spin
	@bash tests/model/run.sh

bench: $(STAMP) ## cost against plain git and other tools, as tables (about MINUTES=12)
	@$(RUN)/python tests/bench $${MINUTES:+--minutes "$$MINUTES"}

bench-docs: $(STAMP) ## the same, written into docs/cost.* and the README
	@$(RUN)/python -c 'import matplotlib' 2>/dev/null || { $(call install,bench); }
	@$(RUN)/python tests/bench $${MINUTES:+--minutes "$$MINUTES"} --docs

check: $(STAMP) ## shellcheck, shfmt, ruff, mypy
	@$(RUN)/shellcheck $(SHELL_FILES)
	@$(RUN)/shfmt -i 2 -ci -d $(SHELL_FILES)
	@$(RUN)/ruff check -q .
	@$(RUN)/ruff format -q --check .
	@$(RUN)/mypy

format: $(STAMP) ## let shfmt and ruff write
	@$(RUN)/shfmt -i 2 -ci -w $(SHELL_FILES)
	@$(RUN)/ruff check -q --fix .
	@$(RUN)/ruff format -q .

wiki-html: $(STAMP) ## wiki and logs as pages with search: make wiki-html REPO=path
	@CLAUDETOOLS_PYTHON="$$PWD/$(RUN)/python" && export CLAUDETOOLS_PYTHON && toolkit="$$PWD" && cd "$${REPO:-.}" && \
		bash "$$toolkit/scripts/claudetools.sh" wiki html --serve "$${PORT:-0}"

dist: $(STAMP) ## archive and wheel in dist/, built twice and compared
	@PYTHONPATH=pylib $(RUN)/python tests/dist.py

release: $(STAMP) ## the same for a release: tag, CHANGELOG section and a clean tree are looked at first
	@PYTHONPATH=pylib $(RUN)/python tests/dist.py --release

schedule: ## sync this repository every half hour: make schedule JOB=install|status|remove
	@bash scripts/schedule.sh $${JOB:-install}

sync: ## save and sync this repository
	@bash .claude/scripts/sync.sh

clean: ## remove what the targets above have made
	@rm -rf $(VENV) .e2e .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

# uv where it is, else the interpreter's own venv. The stamp is as young as the requirements.
$(STAMP): pyproject.toml
	@if command -v uv >/dev/null 2>&1; then uv venv -q --python $(PYTHON) --clear $(VENV); \
	else $(PYTHON) -m venv --clear $(VENV); fi
	@$(call install,$(EXTRAS))
	@touch $@
