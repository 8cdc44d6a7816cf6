# All that a person needs to do here; `make help` lists it. Needs GNU make and Python 3.11 or later.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SHELLFLAGS := -eu -c

PYTHON ?= python3
PIP_ARGS ?=
JOBS ?= 2
PYTEST_ARGS ?=
SAMPLE_PLAYLISTS ?= 10000
SAMPLE_SEED ?= 0
TEAM ?=
EMAIL ?=
MPD ?=
CHALLENGE ?=
ANSWERS ?=
GOWALLA ?=
SCALE ?=
DAMAGE ?=
KILLS ?=
ARGS ?=

# Recipes take these from the environment, in quotes, so that paths and names may hold spaces.
# Threads that spin while they wait slow each other down on a shared machine.
export OMP_WAIT_POLICY ?= PASSIVE

export MPD CHALLENGE ANSWERS TEAM EMAIL RUN GOWALLA SCALE DAMAGE KILLS PYTHON

BIN := .venv/bin
READY := .venv/.ready
READY_DEV := .venv/.ready-dev
PIP = $(BIN)/python -m pip --disable-pip-version-check
SAMPLE := data/sample
SAMPLE_READY := $(SAMPLE)/.made-$(SAMPLE_PLAYLISTS)-$(SAMPLE_SEED)

##@ Use

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\n%s\n' 'On your own files:' \
	  '  make submission MPD=mpd.zip CHALLENGE=challenge_set.json TEAM="My team" EMAIL=me@example.org [RUN=name] [ARGS="--device cuda"]'

.PHONY: setup
setup: $(READY) ## Make .venv with the challenge command in it (PYTHON=python3.12 to choose)

# Installed anew only when pyproject.toml changes: the package itself is used where it lies.
$(READY): pyproject.toml
	@command -v "$$PYTHON" >/dev/null || { echo >&2 "make: no $$PYTHON here; name a Python 3.11 or later, as in: make setup PYTHON=python3.11"; exit 2; }
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo >&2 "make: $$("$$PYTHON" --version) is too old: 3.11 or later is needed, as in: make setup PYTHON=python3.11"; exit 2; }
	@test -x $(BIN)/python || "$$PYTHON" -m venv .venv || { echo >&2 "make: no virtual environment could be made; on Debian: apt install python3-venv"; rm -rf .venv; exit 2; }
	$(PIP) install $(PIP_ARGS) -e '.[explore]'
	@touch $@

.PHONY: setup-dev
setup-dev: $(READY_DEV) ## Add what tests, checks and benchmarks need to .venv

# pip reads dependency groups since version 25.1; a Python may bring an older one.
$(READY_DEV): $(READY)
	$(PIP) install $(PIP_ARGS) 'pip>=25.1'
	$(PIP) install $(PIP_ARGS) --group dev
	@touch $@

.PHONY: sample
sample: $(SAMPLE_READY) ## Make a synthetic dataset in data/sample (SAMPLE_PLAYLISTS=10000)

# Made anew where a file is missing, or the parameters or the code that writes it have changed.
ifneq ($(words $(wildcard $(SAMPLE)/mpd.zip $(SAMPLE)/challenge_set.json $(SAMPLE)/answers.json)),3)
.PHONY: $(SAMPLE_READY)
endif
$(SAMPLE_READY): $(wildcard challenge/sample/*.py challenge/sample/*.toml) | $(READY)
	@rm -f $(SAMPLE)/.made-*
	$(BIN)/challenge sample --output $(SAMPLE) --playlists $(SAMPLE_PLAYLISTS) --seed $(SAMPLE_SEED)
	@touch $@

.PHONY: submission
ifeq ($(strip $(MPD)$(CHALLENGE)),)
submission: RUN := $(or $(RUN),sample)
submission: TEAM := $(or $(TEAM),Sample team)
submission: EMAIL := $(or $(EMAIL),sample@example.org)
submission: $(READY) $(SAMPLE_READY) ## Make a validated submission: from a sample, or from MPD= CHALLENGE= TEAM= EMAIL= [RUN=]
	@set -x; $(BIN)/challenge run --mpd $(SAMPLE)/mpd.zip --challenge $(SAMPLE)/challenge_set.json \
	  --answers $(SAMPLE)/answers.json --output "submissions/$$RUN" --team "$$TEAM" --email "$$EMAIL" \
	  --config sample $(ARGS)
else
submission: RUN := $(or $(RUN),mpd)
submission: $(READY)
	@for name in MPD CHALLENGE TEAM EMAIL; do \
	  eval "value=\$$$$name"; \
	  test -n "$$value" || { echo >&2 "make: $$name= is missing; expected: make submission MPD=… CHALLENGE=… TEAM=… EMAIL=… [RUN=name]"; exit 2; }; \
	done
	@set -x; $(BIN)/challenge run --mpd "$$MPD" --challenge "$$CHALLENGE" \
	  --output "submissions/$$RUN" --team "$$TEAM" --email "$$EMAIL" $(ARGS)
	@set -x; $(BIN)/challenge validate "submissions/$$RUN/submission.csv.gz" --challenge "$$CHALLENGE"
endif

##@ Work on the code

.PHONY: test
test: $(READY_DEV) ## Run the tests with their coverage gate (JOBS=2, PYTEST_ARGS="-k fill")
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

.PHONY: format
format: $(READY_DEV) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --select I --fix .

.PHONY: format-check
format-check: $(READY_DEV) ## Tell what is not formatted
	$(BIN)/ruff format --check .

.PHONY: lint
lint: $(READY_DEV) ## Look for faults and bad style
	$(BIN)/ruff check .

.PHONY: types
types: $(READY_DEV) ## Check types, strictly
	MYPY_NUM_WORKERS=$(JOBS) $(BIN)/mypy

.PHONY: layers
layers: $(READY_DEV) ## Check that imports point down
	$(BIN)/lint-imports

.PHONY: check
check: format-check lint types layers test ## All checks and tests

.PHONY: docs
docs: $(READY) ## Write docs/reference from the code
	$(BIN)/python docs/_generate.py

.PHONY: wheel-test
wheel-test: $(READY_DEV) ## Build the wheel, install it into an empty environment and run it on a tiny sample
	.ci/wheel-test

.PHONY: lowest-test
lowest-test: $(READY_DEV) ## Run some tests with the lowest versions of pyproject.toml (ARGS=torch leaves torch free)
	.ci/lowest-test $(ARGS)

.PHONY: hooks
hooks: $(READY_DEV) ## Let git run the checks before each commit
	$(BIN)/pre-commit install

.PHONY: lock
lock: $(READY_DEV) ## Renew constraints.txt, the versions that .ci/run installs
	$(PIP) install $(PIP_ARGS) --quiet --dry-run --ignore-installed --report .venv/lock.json --group dev '.[explore]'
	$(BIN)/python .ci/lock.py .venv/lock.json constraints.txt

##@ Measure

.PHONY: bench-ingest
bench-ingest: $(READY) ## Reading the MPD against only inflating it (MPD=mpd.zip)
	@test -n "$$MPD" || { echo >&2 "make: MPD= is missing; expected: make bench-ingest MPD=mpd.zip"; exit 2; }
	$(BIN)/python -m benchmarks.ingest "$$MPD" $(ARGS)

.PHONY: bench-gowalla
bench-gowalla: $(READY) ## LightGCN against the paper's figures (GOWALLA=folder of train.npz and test.npz)
	@test -n "$$GOWALLA" || { echo >&2 "make: GOWALLA= is missing; expected: make bench-gowalla GOWALLA=folder"; exit 2; }
	$(BIN)/python -m benchmarks.gowalla "$$GOWALLA" $(ARGS)

.PHONY: bench-scale
bench-scale: $(READY) ## Cost of each stage at 10,000, 100,000 and 1,000,000 synthetic playlists (SCALE=folder with 20 GB free)
	@test -n "$$SCALE" || { echo >&2 "make: SCALE= is missing; expected: make bench-scale SCALE=folder"; exit 2; }
	$(BIN)/python -m benchmarks.scale "$$SCALE" $(ARGS)

.PHONY: bench-recommender
bench-recommender: $(READY) ## A saved recommender: size, loading, answers, strangers (RUN=folder [ANSWERS=answers.json])
	@test -n "$$RUN" || { echo >&2 "make: RUN= is missing; expected: make bench-recommender RUN=submissions/first"; exit 2; }
	$(BIN)/python -m benchmarks.recommender "$$RUN" $${ANSWERS:+--answers "$$ANSWERS"} $(ARGS)

.PHONY: bench-explore
bench-explore: $(READY_DEV) ## The web page in Chromium: waits, and 200 steps at random (RUN=folder [ANSWERS=answers.json])
	@test -n "$$RUN" || { echo >&2 "make: RUN= is missing; expected: make bench-explore RUN=submissions/first"; exit 2; }
	$(BIN)/python -m benchmarks.explore "$$RUN" $${ANSWERS:+--answers "$$ANSWERS"} $(ARGS)

.PHONY: bench-first-run
bench-first-run: $(READY) ## A fresh clone's make submission on a terminal: when what begins, and how long nothing moves
	$(BIN)/python -m benchmarks.first_run $(ARGS)

.PHONY: bench-propagation
bench-propagation: $(READY_DEV) ## LightGCN's propagation against the bare kernel and torch-geometric
	$(BIN)/python -m benchmarks.propagation $(ARGS)

.PHONY: bench-textbook
bench-textbook: $(READY_DEV) ## LightGCN beside torch-geometric's: time to the same NDCG (MPD= CHALLENGE=)
	@for name in MPD CHALLENGE; do \
	  eval "value=\$$$$name"; \
	  test -n "$$value" || { echo >&2 "make: $$name= is missing; expected: make bench-textbook MPD=… CHALLENGE=…"; exit 2; }; \
	done
	$(BIN)/python -m benchmarks.textbook --mpd "$$MPD" --challenge "$$CHALLENGE" $(ARGS)

.PHONY: bench-ablation
bench-ablation: $(READY) ## What each source and group of features is worth (MPD= CHALLENGE= ANSWERS= of a split)
	@for name in MPD CHALLENGE ANSWERS; do \
	  eval "value=\$$$$name"; \
	  test -n "$$value" || { echo >&2 "make: $$name= is missing; expected: make bench-ablation MPD=… CHALLENGE=… ANSWERS=…"; exit 2; }; \
	done
	$(BIN)/python -m benchmarks.ablation "$$MPD" "$$CHALLENGE" "$$ANSWERS" $(ARGS)

.PHONY: bench-growth
bench-growth: $(READY) ## The lead over a plain kNN at a quarter, a half and all of an MPD (MPD=mpd.zip)
	@test -n "$$MPD" || { echo >&2 "make: MPD= is missing; expected: make bench-growth MPD=mpd.zip"; exit 2; }
	$(BIN)/python -m benchmarks.growth "$$MPD" $(ARGS)

.PHONY: bench-gpu
bench-gpu: $(READY) ## A GPU on the whole MPD's size: kernels, a step, training, filling (ARGS="--scale 0.1")
	$(BIN)/python -m benchmarks.gpu $(ARGS)

.PHONY: bench-fuzz
bench-fuzz: $(READY_DEV) ## A million mutants of all files that people name, to their readers (ARGS="--cases 10000")
	$(PIP) install $(PIP_ARGS) --quiet --group fuzz
	$(BIN)/python -m benchmarks.fuzz $(ARGS)

.PHONY: bench-validator
bench-validator: $(READY_DEV) ## The validator against a second implementation on 100,000 mutants (ARGS="--playlists 3")
	$(BIN)/python -m benchmarks.validator $(ARGS)

.PHONY: bench-damage
bench-damage: $(READY) ## Random damage to all that is kept: refused, made again or harmless (DAMAGE=folder, ARGS="--cases 1000")
	@test -n "$$DAMAGE" || { echo >&2 "make: DAMAGE= is missing; expected: make bench-damage DAMAGE=folder"; exit 2; }
	$(BIN)/python -m benchmarks.damage "$$DAMAGE" $(ARGS)

.PHONY: bench-mutants
bench-mutants: $(READY_DEV) ## Small changes to what decides scores and submissions: does a test notice? (ARGS="challenge/split")
	$(BIN)/python -m benchmarks.mutants $(ARGS)

.PHONY: bench-kills
bench-kills: $(READY) ## Commands killed at random, and gone on with to the right end (KILLS=folder, ARGS="--kills 1000")
	@test -n "$$KILLS" || { echo >&2 "make: KILLS= is missing; expected: make bench-kills KILLS=folder"; exit 2; }
	$(BIN)/python -m benchmarks.kills "$$KILLS" $(ARGS)

##@ Tidy up

.PHONY: clean
clean: ## Remove caches, builds and the sample
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage $(SAMPLE)
	find challenge tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove .venv too
	rm -rf .venv .venv-lowest *.egg-info
