# Daybook. `make help` says what each target does.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The suites that compare with committed files.
RECORDED := 'SnapshotTests|ManifestTests|DocumentTests'
.PHONY: help setup run test lint format check reference bench bench-peers fuzz soak-short soak hooks install clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the build needs (scripts/apt-packages.txt)
	@scripts/setup.sh
	@scripts/vendor-web.py || echo "setup: going on without the pages of /docs"

run: setup ## Show Daybook once through; MODELS=DIR takes other model folders, HOME_DIR=DIR keeps the home
	@swift build --product daybook
	@scripts/demo.sh

test: setup ## Run every test
	@swift build --build-tests
	@scripts/test.sh

lint: ## Check the format rules
	@scripts/lint.sh

format: ## Repair the format where a program can
	@scripts/lint.sh --fix

check: ## Everything that must hold: lint, build, tests, reference, end to end
	@scripts/check.sh

reference: setup ## Write the generated reference, help and golden files anew
	@swift build --build-tests
	@RECORD_SNAPSHOTS=1 swift test --skip-build --filter $(RECORDED) || true
	@swift test --skip-build --filter $(RECORDED)

bench: ## Measure beside the peers, as ratios
	@scripts/setup.sh build bench
	@for part in append scan verify subscribe rebuild proof bundle backup index aggregate; do swift run -c release daybook-bench $$part $(BENCH) || exit; done
	@scripts/bench-extract.sh
	@scripts/bench-http.sh
	@scripts/bench-feed.sh
	@scripts/bench-inference.sh

bench-peers: ## The same work beside PostgreSQL, Redis, FastAPI, MLflow, Polars and scikit-learn; a line where one is absent
	@scripts/setup.sh build bench peers
	@scripts/bench-peers.sh $(BENCH)
	@scripts/bench-learning.sh
	@scripts/bench-http.sh peers
	@scripts/bench-inference.sh peers

fuzz: ## Schemathesis against a server of its own, a minute for each of four roles; FOR=600 gives each longer
	@scripts/setup.sh build peers
	@scripts/fuzz-api.sh $(FOR)

soak-short: ## Every fault suite at the figures of the build server (about 90 minutes alone on two processors); ONLY=flips runs one
	@scripts/setup.sh build test
	@scripts/soak.sh short $(ONLY)

soak: ## Every fault suite at the figures of a long run (days); ONLY=flips runs one
	@scripts/setup.sh build test
	@scripts/soak.sh long $(ONLY)

hooks: ## Run format check, lint and fast tests before each commit
	@git config core.hooksPath .githooks
	@echo "hooks: .githooks/pre-commit runs before each commit (git commit --no-verify leaves it out)"

install: setup ## Install below PREFIX (default /usr/local)
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" scripts/install.sh

clean: ## Remove what the build made
	@swift package clean
	@rm -rf .build/demo-home
