# Winnow. `make` alone explains itself.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
# The versions that were tested. `make run CONSTRAINTS=` takes the newest allowed ones instead.
CONSTRAINTS ?= constraints.txt
PIP    := $(BIN)/python -m pip install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

.DEFAULT_GOAL := help
.PHONY: help run test lint format docs bench clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.app ## Install what the app needs into .venv and serve it on http://localhost:8501
	$(BIN)/streamlit run app.py

test: $(VENV)/.dev browser lint ## Install what tests need, the browser included, and run lint and all tests
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

lint: $(VENV)/.dev ## Check style, and that the generated docs are true
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m docs.generate --check

format: $(VENV)/.dev ## Put the code into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.app ## Write docs/methods.md and docs/cli.md from the code
	$(BIN)/python -m docs.generate

bench: $(VENV)/.app ## Measure what the README's table says (CIFAR=path/to/cifar10.zip adds the large rows)
	$(BIN)/python -m benchmarks $(if $(CIFAR),--cifar $(CIFAR))
	$(BIN)/python -m benchmarks.k_center
	$(BIN)/python -m benchmarks.facility_location
	$(BIN)/python -m benchmarks.scores
	$(BIN)/python -m benchmarks.mislabels
	$(BIN)/python -m benchmarks.pruners

.PHONY: soak load
soak: $(VENV)/.dev ## Kill runs and servers by the hundred, poll for 12 simulated hours, and see that nothing is lost (an hour or more on a busy machine)
	$(BIN)/python -m tests.soak $(SOAK)

load: $(VENV)/.dev browser ## 20 browser sessions on 50,000 items for three minutes (LOAD="--sessions 5 --minutes 1" for less)
	$(BIN)/python -m tests.load $(LOAD)

.PHONY: fuzz audit hostile
hostile: $(VENV)/.dev ## Feed 20,000 hostile files to the readers (HOSTILE="--count 1000 --seed 3" for others)
	$(BIN)/python -m tests.hostile $(if $(HOSTILE),$(HOSTILE),--count 20000)

fuzz: $(VENV)/.dev ## Fuzz every reader for 30 seconds (FUZZ="zip --seconds 600" for one); installs atheris where it has a wheel
	-$(BIN)/python -m pip install --quiet --only-binary :all: atheris
	$(BIN)/python -m tests.fuzz $(FUZZ)

audit: $(VENV)/.dev ## Ask the advisory database about every installed package; says so when it cannot be reached
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/python -m tests.audit

.PHONY: upgrade
upgrade: ## Try the newest versions in an environment of their own (7 GB); when all tests pass there, pin them
	rm -rf $(VENV)-newest
	$(MAKE) $(VENV)-newest/.dev VENV=$(VENV)-newest CONSTRAINTS=
	cp constraints.txt $(VENV)-newest/
	$(VENV)-newest/bin/python -m tests.pins
	$(MAKE) test VENV=$(VENV)-newest CONSTRAINTS= || { cp $(VENV)-newest/constraints.txt .; exit 1; }
	rm -rf $(VENV)-newest
	git --no-pager diff --stat constraints.txt

clean: ## Remove the environment, caches and workspaces
	rm -rf $(VENV) $(VENV)-newest build dist workspaces out .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: browser
browser: # Chromium from the system's packages; the tests drive it through Playwright
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { echo "installing chromium"; SUDO=$$(command -v sudo || true); $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq chromium; }

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.txt $(CONSTRAINTS) $(VENV)/bin/python
	$(PIP) --requirement requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt $(CONSTRAINTS) $(VENV)/bin/python
	$(PIP) --requirement requirements-dev.txt
	@touch $@ $(VENV)/.app
