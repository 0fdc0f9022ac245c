# `make` alone shows what there is. Nothing here needs a key, an account, a database or Docker.

.DEFAULT_GOAL := help
SHELL := /bin/sh

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
# The lock file is part of the project: what was tested is what is built.
LOCKED ?= --locked
# Further arguments for the program that a target starts.
ARGS ?=

# `make conformance`: which real vendor; none for the fakes of all.
VENDOR ?=

# `make sim`: how many histories, and which (another seed every time unless given).
N ?= 10000000
SEED ?=
# `make test`: the short form of the same.
SHORT_N ?= 200000

.PHONY: help
help:
	@printf '%s\n' \
	'make run      build, fetch the speech models, start the server and let it answer a demo call' \
	'make test     every test, and the short forms of the slow proofs' \
	'' \
	'more' \
	'make check    formatting, lints, house rules (and cargo-deny where it is installed)' \
	'make models   fetch the speech models (48 MB, pinned, checked)' \
	'make sim      random histories of calls against the promises: N=10000000 SEED=7' \
	'make bench    density: this engine, a plain bridge and an echo server under the same load' \
	'make soak     waves of calls with random deaths; everything must be back at zero after them' \
	'make conformance  every codec against the fake vendors; VENDOR=deepgram: against the real one' \
	'make bench-providers  what the engine adds to the time of its providers, and what it saves them' \
	'make chaos-providers  calls while providers fail in every way: what callers hear, and how long nothing' \
	'make webhooks a steady load of webhooks, 200 a second, and how long the answers take' \
	'make snap     review changed transcripts and other snapshots' \
	'' \
	'ARGS=".." goes to the program that a target starts: make run ARGS="--config my.toml"'

# ---- the two that matter ----

.PHONY: run
run: tools
	@scripts/prepare.sh models
	@scripts/models.sh --optional
	$(CARGO) build --release $(LOCKED) -p operetta-server
	$(TARGET)/release/operetta serve --demo $(ARGS)

# One profile for everything, so that nothing is built twice: dev, with optimised dependencies.
.PHONY: test
test: tools
	@scripts/prepare.sh models
	scripts/models.sh
	$(CARGO) build $(LOCKED) --workspace --all-targets
	$(TARGET)/debug/operetta-sim histories -n $(SHORT_N)
	$(CARGO) test $(LOCKED) --workspace

# ---- more ----

.PHONY: check
check: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings
	$(CARGO) test $(LOCKED) -p operetta-tests --test tidy
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
	    $(CARGO) deny check advisories bans sources; \
	else \
	    echo 'cargo-deny is not installed: advisories were not checked (licences and bans are, by tidy)'; \
	fi

.PHONY: models
models:
	@scripts/prepare.sh models
	@scripts/models.sh

.PHONY: sim
sim: tools
	$(CARGO) run --release $(LOCKED) -p operetta-sim --no-default-features -- histories -n $(N) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: bench bench-providers chaos-providers soak webhooks
bench bench-providers chaos-providers soak webhooks: tools
	$(CARGO) build --release $(LOCKED) -p operetta-server -p operetta-tests
	$(TARGET)/release/$@ $(ARGS)

# Against the fakes. With VENDOR against the real vendor, whose key is in the environment: this costs money.
.PHONY: conformance
conformance: tools
	$(CARGO) build --release $(LOCKED) -p operetta-tests --bin conformance
	$(TARGET)/release/conformance $(if $(VENDOR),--vendor $(VENDOR)) $(ARGS)

.PHONY: snap
snap:
	@if $(CARGO) insta --version >/dev/null 2>&1; then \
	    $(CARGO) insta test --workspace --review; \
	else \
	    echo 'cargo-insta is not installed: snapshots are rewritten in place, review them with git diff'; \
	    INSTA_UPDATE=always $(CARGO) test $(LOCKED) --workspace && git --no-pager diff --stat -- '*.snap' '*.txt'; \
	fi

.PHONY: tools
tools:
	@scripts/prepare.sh build
