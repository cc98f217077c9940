# The project's commands. `make demo` and `make test` do their own set-up; the rest expects what they set up.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup setup-rust test test-only test-faces lint fmt licences demo bench hostile fuzz simulate proof kafka configuration messages clean

# rustup's proxies, also where the shell that runs this has not been told of them yet.
export PATH := $(HOME)/.cargo/bin:$(PATH)

WINDOWS_TARGET := x86_64-pc-windows-gnu

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

setup: ## install what the tests need, or name the missing tool and the command that installs it
	@bash tests/tools/setup.sh all

setup-rust:
	@bash tests/tools/setup.sh rust

test: ## set-up, lint and all tests
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-only
	@$(MAKE) --no-print-directory test-faces
	@echo "make test: lint and all tests passed"

test-only: ## all tests, without set-up and lint
	cargo test --workspace --locked
	cargo test -p ottla-core --features shuttle --test threads --locked
	cargo test -p ottla-simulation --features mutants --test mutants --locked

# A command beside a live Apache Kafka, found in OTTLA_LIVE_KAFKA: a new one, or the one that is in the environment already.
WITH_KAFKA = cargo build --quiet --locked -p ottla-tests --bin with_kafka && \
	"$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug/with_kafka"

test-faces: ## the tests of the faces of other languages, beside one live Kafka (C's programs are part of test-only)
	@$(MAKE) --no-print-directory check-c-header
	@$(WITH_KAFKA) $(MAKE) --no-print-directory test-python test-node
	@$(MAKE) --no-print-directory conformance

.PHONY: conformance conformance-reference

conformance: setup-rust ## the same scenarios in Rust, Python, Node and C, on broker-lite and a live Kafka (ARGS="--help")
	@bash python/tools/build.sh
	@bash node/tools/build.sh
	cargo build --locked -p ottla-c
	cargo build --locked -p ottla-tests --bin conformance --bin conformance_runner
	@"$${CARGO_TARGET_DIR:-$(CURDIR)/target}/debug/conformance" $(ARGS)

conformance-reference: kafka ## write tests/conformance/partitions from Java's client and librdkafka's own library
	@bash tests/conformance/reference.sh

lint: ## rustfmt, clippy, rustdoc (warnings are errors), the Windows target, dependencies' licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy -p ottla-core --features shuttle --test threads --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	cargo check -p ottla -p ottla-broker --target $(WINDOWS_TARGET) --no-default-features --locked
	@$(MAKE) --no-print-directory licences

licences: ## the dependencies' licences, held against the list of allowed ones
	cargo run --quiet --locked -p ottla-tests --bin licences

fmt: ## write the sources as rustfmt wants them
	cargo fmt --all

demo: setup-rust ## the main job: files as records out through the client to a broker, and back (ARGS="--help")
	cargo run --release --locked -p ottla-tests --bin demo -- $(ARGS)

bench: ## the benchmarks beside other clients on a live Apache Kafka and broker-lite (ARGS="--only groups,faces", ARGS="--help")
	@bash tests/tools/setup.sh bench
	@bash tests/bench/peers/build.sh
	cargo build --profile bench --locked -p ottla-tests -p ottla-broker --bins
	cargo run --profile bench --locked -p ottla-tests --bin bench -- $(ARGS)

hostile: setup-rust ## changed and random bytes at every decoder, as many as INPUTS says (SEED=... repeats a run)
	OTTLA_HOSTILE_INPUTS=$(or $(INPUTS),1000000) $(if $(SEED),OTTLA_SEED=$(SEED)) \
		cargo run --release --locked -p ottla-hostile-tests --bin hostile

simulate: setup-rust ## seeded runs of clients and brokers under faults, SEEDS of them from FIRST on (SEED=... or SCHEDULE=FILE repeats one)
	cargo run --release --locked -p ottla-simulation --bin simulate -- $(if $(SEED),--seed $(SEED)) \
		$(if $(SCHEDULE),--schedule $(SCHEDULE)) $(if $(TRACE),--trace) \
		$(if $(SEED)$(SCHEDULE),,--seeds $(or $(SEEDS),10000) --first $(or $(FIRST),1000000))

fuzz: setup-rust ## coverage-guided bytes at every decoder, SECONDS for each (on a nightly toolchain)
	@bash tests/fuzz/run.sh $(or $(SECONDS),60)

proof: ## what takes too long for `make test`: the ignored tests one after another, hostile bytes by the million
	@bash tests/tools/setup.sh proof
	cargo test --workspace --locked -- --ignored --test-threads 1 --nocapture
	@$(MAKE) --no-print-directory hostile INPUTS=1000000
	@$(MAKE) --no-print-directory fuzz SECONDS=60
	@echo "make proof: passed"

CBINDGEN_VERSION := 0.29.0
CBINDGEN := .cache/cbindgen-$(CBINDGEN_VERSION)/bin/cbindgen

$(CBINDGEN):
	cargo install --quiet --locked cbindgen --version $(CBINDGEN_VERSION) --root .cache/cbindgen-$(CBINDGEN_VERSION)

.PHONY: c c-header check-c-header test-c demo-c

c-header: $(CBINDGEN) ## write c-include/rdkafka.h from bindings/c
	CBINDGEN=$(abspath $(CBINDGEN)) bindings/c/header/generate.sh

check-c-header: $(CBINDGEN) ## whether c-include/rdkafka.h is what bindings/c says, and compiles as C99 and C++17
	@CBINDGEN=$(abspath $(CBINDGEN)) bindings/c/header/check.sh

test-c: setup-rust check-c-header ## the C face: its header, C programs, kcat, on broker-lite and a live Kafka
	cargo test -p ottla-c --locked

c: setup-rust ## the C library, its headers and its pkg-config file into dist/c
	@bash bindings/c/install.sh dist/c

demo-c: c ## the main job from C: files as records out and back, byte for byte (ARGS="SERVERS")
	@bash bindings/c/demo.sh $(ARGS)

kafka: ## fetch Apache Kafka from Maven Central, once, for the tests
	@bash tests/tools/fetch-kafka.sh

configuration: ## write CONFIGURATION.md from the table of properties
	cargo run --locked -p ottla-core --example configuration > CONFIGURATION.new && mv CONFIGURATION.new CONFIGURATION.md

messages: kafka ## write rust-client/protocol/src/messages from Kafka's own schemas
	cargo run --locked -p ottla-protocol-generator -- .cache/kafka/*/libs/kafka-clients-*.jar rust-client/protocol/src/messages

clean: ## remove what was built (the fetched Kafka stays in .cache)
	cargo clean

.PHONY: node test-node demo-node

node: setup-rust ## the Node package and its platform's package in dist/node, tried in an empty folder
	@bash node/tools/pack.sh

test-node: setup-rust ## the Node package's tests, against the broker in the box and a live Kafka
	@bash node/tools/build.sh
	@$(WITH_KAFKA) sh -c 'cd node && exec node --test test/*.test.mjs'

demo-node: setup-rust ## the main job from Node: files as messages out and back, byte for byte (ARGS="FOLDER")
	@bash node/tools/build.sh release
	cd node && node examples/demo.mjs $(ARGS)

.PHONY: python test-python demo-python

python: setup-rust ## the Python package as a wheel in dist/python, tried in an empty venv
	@bash python/tools/pack.sh

test-python: setup-rust ## the Python package's tests, against the broker in the box and a live Kafka
	@bash python/tools/build.sh
	@$(WITH_KAFKA) sh -c 'cd python && exec ../.cache/python-venv/bin/python -m pytest -q'
	cd python && ../.cache/python-venv/bin/python -m mypy

demo-python: setup-rust ## the main job from Python: files as records out and back, byte for byte (ARGS="FILE...")
	@bash python/tools/build.sh release
	cd python && PYTHONPATH=. ../.cache/python-venv/bin/python examples/demo.py $(ARGS)
