# Two commands: `make run` sets up and runs the whole chain, `make test` sets up and passes the tests.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1
# A core for each process; whole modules go to one, in the order in which tests/conftest.py puts them.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --dist loadscope --no-loadscope-reorder --numprocesses

.PHONY: run test test-slow test-container image setup setup-dev setup-docs docs lint types contracts codelock unit chain hero readme results bench-results clean

run: setup ## train everything at profile `tiny`, generate, evaluate, report (11 to 22 minutes on 2 cores)
	$(BIN)/videopoet run

test: setup-dev lint types contracts codelock ## all that CI runs but test-slow and test-container
	$(PYTEST) 2 -m 'not slow and not container'

test-slow: setup-dev ## the tests that run whole processes for minutes: a cluster, reproduction
	$(PYTEST) 2 -m slow

test-container: setup-dev image ## the chain in containers, with S3 as the remote; needs root and what k8s/image.sh needs
	CONTAINERS_CONF=$(CURDIR)/k8s/containers.conf OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m container

image: .venv/bin/python ## build videopoet:cpu with podman
	PATH="$(CURDIR)/$(BIN):$$PATH" k8s/image.sh

setup: .venv/.installed
setup-dev: .venv/.installed-dev
setup-docs: .venv/.installed-docs

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv/.installed-docs: .venv/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

docs: setup-docs ## write the generated reference pages, then build the site into build/docs; no network
	$(BIN)/python -m documentation
	$(BIN)/zensical build --clean --strict

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev
	$(BIN)/mypy

contracts: setup-dev
	$(BIN)/lint-imports

codelock: setup-dev ## does codelock/ match the code?
	$(BIN)/videopoet codelock check

unit: setup-dev ## the tests without the whole chain
	$(PYTEST) 2 -m 'not chain and not slow and not container'

chain: setup-dev ## the whole chain at profile `test`
	$(PYTEST) 2 -m chain

hero: setup ## docs/assets/hero.gif, the moving picture of README, from the samples of the run here
	$(BIN)/python -m documentation.hero data/samples docs/assets/hero.gif

readme: setup ## the generated tables of README, from profiles/ and docs/assets/results.json
	$(BIN)/python -m documentation.readme

results: setup ## the same, and README's results are those of the run here
	$(BIN)/python -m documentation.readme --results .

bench-results: setup ## write benchmarks/RESULTS.md from benchmarks/results/*.json
	$(BIN)/python -m benchmarks

clean: ## remove what the pipeline made; the environment and your sources stay
	rm -rf data/*/ models metrics report .videopoet dvc.lock .dvc/cache .dvc/tmp
