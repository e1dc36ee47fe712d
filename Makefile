# The only door. `make` alone lists what there is.
#
# Needs Rust, Python 3.11 or newer with venv, and Linux for the local stage (it runs the compiled functions as
# processes). Everything else is installed at pinned versions into .venv, and everything made goes into target/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Make's lists and pip's scripts end at a blank. What needs nothing but Cargo works there all the same.
CARGO_ALONE := help clean quick check docs-check test-here test-brokers test-deep sim contract fuzz deny bench-check
ifneq ($(words $(CURDIR)),1)
  ifneq ($(filter-out $(CARGO_ALONE),$(MAKECMDGOALS)),)
    $(error the path of this folder has a blank ($(CURDIR)), and the tools in .venv cannot run there: clone it into a folder without one)
  endif
endif

PYTHON ?= python3
# What is on this machine is never asked of a proxy.
LOOPBACK := 127.0.0.1,localhost
export NO_PROXY := $(if $(findstring $(LOOPBACK),$(NO_PROXY)),$(NO_PROXY),$(LOOPBACK)$(if $(NO_PROXY),$(shell echo ',')$(NO_PROXY)))
export no_proxy := $(NO_PROXY)
# A stage is known by its folder; two of them may run side by side, each with a port of its own (0: any free one).
export STAGE_DIR ?= target/stage
export STAGE_PORT ?= 4566
WATCH_PORT ?= 9000

ROOT := $(CURDIR)
TOOLS := $(ROOT)/.venv/sam/bin
REQUIREMENTS := infra/requirements
# Our Python runs by the name of its module, in the root folder.
RUN := $(TOOLS)/python -m infra
STAGE := $(RUN).stack.stage
PREPARE := $(MAKE) --no-print-directory -j3 stage-needs
WITH_TOOLS := PATH="$(TOOLS):$$PATH"
PIP := bin/pip install --quiet --no-input --disable-pip-version-check --no-deps --requirement
COMMAND := target/debug/redrive
# An endpoint of yours may need no account: whoever names no credentials for it gets dummies.
AT_ENDPOINT := $(if $(AWS_ENDPOINT_URL),$(if $(AWS_REGION),,AWS_REGION=us-east-1) $(if $(AWS_PROFILE)$(AWS_ACCESS_KEY_ID),,AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test))
FUNCTIONS := processor indexer replay
# Of other sources: each wants a feature.
BROKER_FUNCTIONS := kafka-processor kafka-indexer kafka-replay rabbitmq-processor rabbitmq-indexer rabbitmq-replay
UNPUBLISHED := redrive-bench redrive-examples redrive-tests $(BROKER_FUNCTIONS) $(FUNCTIONS)
ACTIONS := .venv/actions/bin
ACTIONS_READY := .venv/actions/.ready
# Both halves of a deployment must be told: code that was built for another architecture deploys, and never starts.
FOR_ARCH := $(if $(ARCH),--parameter-overrides Architecture=$(ARCH))
PACKAGE_ARCH := $(or $(ARCH),x86_64)
LINTERS := .venv/python/bin
PYTHON_READY := .venv/python/.ready
COMPILER_READY := .venv/sam/.compiler
# Said before pip or npm fail in the midst of their work, with a message about something else.
PYTHON_FITS = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { echo "$(PYTHON) is not here, or older than Python 3.11: name another, like make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
NPM_IS_HERE = command -v npm > /dev/null || { echo "npm is not here: install Node.js 20.11 or newer, which brings it" >&2; exit 1; }
CDK := infra/cdk
CDK_READY := $(CDK)/node_modules/.package-lock.json
BROWSER := console/tests/browser
BROWSER_READY := $(BROWSER)/node_modules/.package-lock.json
CHROMIUM := $(firstword $(wildcard /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome))
SAM_READY := .venv/sam/.ready
# Where cargo-deny takes its advisories from.
ADVISORIES := https://github.com/RustSec/advisory-db
MINISTACK_READY := .venv/ministack/.ready
CHECKOV_READY := .venv/checkov/.ready
CELERY_READY := .venv/celery/.ready
KAFKA_READY := .venv/kafka/.ready
RABBITMQ_READY := .venv/rabbitmq/.ready
RABBITMQ_SERVER := .venv/rabbitmq-server
RABBITMQ4_SERVER := .venv/rabbitmq4-server
AWS_READY := .venv/aws/.ready
PEERS := bench/peers
PEERS_NODE := $(PEERS)/typescript/node_modules/.package-lock.json
PEERS_PYTHON := .venv/peers/.ready
LOCALSTACK ?= .venv/localstack
LOCALSTACK_READY := $(LOCALSTACK)/.ready

# Before the first stage the functions are compiled while the tools are being installed; later `sam build` alone
# finds out in seconds that nothing has changed.
STAGE_NEEDS := $(SAM_READY) $(MINISTACK_READY) $(if $(wildcard $(SAM_READY)),,functions)

.PHONY: help
help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- Every day --------------------------------------------------------------------------------------------------

.PHONY: demo
demo:  ## Orders go in, some die, are understood, edited, replayed or discarded with the command (SEED=1)
	@$(PREPARE) command
	$(RUN).demo.demo $(if $(SEED),--seed $(SEED))

.PHONY: demo-of
demo-of:  ## The demo of a project that `redrive new` has written, on a stage of its own (PROJECT=folder)
	@test -d "$(PROJECT)" || { echo "PROJECT must name the folder of a project" >&2; exit 1; }
	$(PREPARE)
	$(RUN).demo.own_project "$(PROJECT)"

.PHONY: incidents
incidents:  ## A night on call on the stage: each incident's commands and seconds (ONLY=1234567 LETTERS=20000)
	@$(PREPARE) command
	$(RUN).demo.incidents $(if $(ONLY),--only $(ONLY)) $(if $(LETTERS),--letters $(LETTERS))

# The crates without an SDK, their tests alone. A change in core reaches all of them.
QUICK := cli core doctor engine lambda operator testkit

.PHONY: quick
quick:  ## The tests of seconds: everything without an SDK and without a stage; prints its time
	@SECONDS=0
	env -u MAKEFLAGS cargo test --locked --quiet --lib --no-default-features $(QUICK:%=-p redrive-%)
	echo "quick: $$SECONDS s"

.PHONY: test
test:  ## Every test; the end-to-end ones on a stage of their own
	@$(MAKE) --no-print-directory -j4 test-here stage-needs
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory cdk; else echo 'no npm here: the tests of the CDK are left out'; fi
	@if [ -n "$(CHROMIUM)" ] && command -v npm > /dev/null; then $(MAKE) --no-print-directory test-browser; else echo 'no Chromium or npm here: the tests of the console in a browser are left out'; fi
	@$(MAKE) --no-print-directory test-stage

.PHONY: check
check:  ## Formatting, lints, and the pages of the code (rustdoc) without a warning
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(DOCS)

DOCS := env -u MAKEFLAGS RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

.PHONY: docs-check
docs-check:  ## The pages of the code, built by rustdoc; a broken link fails
	$(DOCS)

.PHONY: lint-python
lint-python: $(PYTHON_READY) $(SAM_READY)  ## Format, lints and types of the Python (ruff, mypy --strict)
	@$(LINTERS)/ruff format --check
	$(LINTERS)/ruff check
	# What it imports, SAM CLI and boto3, is in the environment that runs it.
	$(LINTERS)/mypy --python-executable $(TOOLS)/python

.PHONY: build
build: $(SAM_READY) functions  ## Installs the build tools and compiles the functions, as the stage wants them

# ---- The parts of `test` ----------------------------------------------------------------------------------------

.PHONY: test-here
test-here:  ## The tests that need no stage
	SEEDS=$(or $(SEEDS),2000) EVENTS=$(or $(EVENTS),20000) env -u MAKEFLAGS cargo test --workspace --locked

# Clients of brokers ask for other features of rustls, and everything above that is compiled once more: so builds of the whole workspace
# leave them out, and one build has both.
BROKERS := -p redrive-kafka -p redrive-rabbitmq -p redrive $(BROKER_FUNCTIONS:%=-p %) --locked \
  --features redrive-kafka/test-broker,redrive-rabbitmq/testing,redrive/test-broker \
  --features kafka-processor/kafka,kafka-indexer/kafka,kafka-replay/kafka \
  --features rabbitmq-processor/rabbitmq,rabbitmq-indexer/rabbitmq,rabbitmq-replay/rabbitmq
BROKER_TESTS := --lib --test dead_letters --test kafka --test kafka_indexer --test rabbitmq --test broker

.PHONY: test-brokers
test-brokers:  ## Lints and tests of what speaks Kafka or RabbitMQ, against brokers in process (a build of its own)
	env -u MAKEFLAGS cargo clippy $(BROKERS) --bins $(BROKER_TESTS) -- -D warnings
	env -u MAKEFLAGS cargo test $(BROKERS) $(BROKER_TESTS)

.PHONY: demo-kafka
demo-kafka: $(KAFKA_READY) $(MINISTACK_READY)  ## Orders through a Kafka topic, with kill -9 of function and poller (SEED=1 READING=only-failed)
	@$(BROKER_FUNCTIONS_READY)
	$(KAFKA_DEMO) $(if $(SEED),--seed $(SEED)) $(if $(READING),--reading $(READING)) $(if $(ORDER),--order $(ORDER))

# The functions with the brokers' clients, and the command without them, as everywhere else.
BROKER_FUNCTIONS_READY = env -u MAKEFLAGS cargo build $(BROKERS) --quiet $(BROKER_FUNCTIONS:%=--bin %) \
  && env -u MAKEFLAGS cargo build --workspace --locked --quiet --bin redrive

# Runs a command that finds a RabbitMQ of its own by REDRIVE_TEST_AMQP.
AT_RABBITMQ := .venv/rabbitmq/bin/python -m infra.rabbitmq.broker run
# RabbitMQ 3.10 of Debian 12, or 4.0 of Debian 13 beside it, in a root of its own (VERSION=4).
export RABBITMQ_RELEASE := $(or $(VERSION),3)
RABBITMQ_NEEDS := $(RABBITMQ_READY) $(RABBITMQ_SERVER) $(if $(filter 4,$(RABBITMQ_RELEASE)),$(RABBITMQ4_SERVER))
RABBITMQ_OR_END = for server in $(filter-out $(RABBITMQ_READY),$(RABBITMQ_NEEDS)); do [ -d "$$server" ] || exit 0; done

.PHONY: with-rabbitmq
with-rabbitmq: $(RABBITMQ_NEEDS)  ## A command beside a RabbitMQ of its own, which REDRIVE_TEST_AMQP names (BESIDE='env')
	@$(if $(BESIDE),:,echo "BESIDE must be a command" >&2; exit 1)
	$(RABBITMQ_OR_END)
	env -u MAKEFLAGS $(AT_RABBITMQ) bash -c '$(BESIDE)'

.PHONY: test-rabbitmq
test-rabbitmq: $(RABBITMQ_NEEDS)  ## What speaks RabbitMQ against a real one: confirms, delays, connections that end
	@$(RABBITMQ_OR_END)
	env -u MAKEFLAGS $(AT_RABBITMQ) cargo test $(BROKERS) --test broker --test rabbitmq -- --ignored

.PHONY: demo-rabbitmq
demo-rabbitmq: $(RABBITMQ_NEEDS) $(MINISTACK_READY)  ## Orders through a RabbitMQ queue, with kill -9 of function and poller (SEED=1 READING=nack VERSION=3)
	@$(RABBITMQ_OR_END)
	$(BROKER_FUNCTIONS_READY)
	$(RABBITMQ_DEMO) $(if $(SEED),--seed $(SEED)) $(if $(READING),--reading $(READING))

RABBITMQ_DEMO := STAGE_DIR="$(ROOT)/target/stage-rabbitmq" STAGE_PORT=0 .venv/rabbitmq/bin/python -m infra.rabbitmq.demo

.PHONY: test-rabbitmq-broker
test-rabbitmq-broker: $(RABBITMQ_NEEDS) $(MINISTACK_READY)  ## Broker and poller, and the demo under each way in which a failed batch may come back (VERSION=3)
	@$(RABBITMQ_OR_END)
	$(BROKER_FUNCTIONS_READY)
	.venv/rabbitmq/bin/python -W ignore::ResourceWarning -m unittest infra.rabbitmq.contract
	$(RABBITMQ_DEMO) --reading nack --seed 2
	$(RABBITMQ_DEMO) --reading reject --seed 3
	$(RABBITMQ_DEMO) --reading closed --seed 4

# A stage of its own, and its own folder.
KAFKA_DEMO := STAGE_DIR="$(ROOT)/target/stage-kafka" STAGE_PORT=0 .venv/kafka/bin/python -m infra.kafka.demo

.PHONY: test-kafka-broker
test-kafka-broker: $(KAFKA_READY) $(MINISTACK_READY)  ## The same under every reading of AWS's documents: nothing lost, nothing charged twice
	@$(BROKER_FUNCTIONS_READY)
	$(KAFKA_DEMO) --reading whole --order none --seed 2
	$(KAFKA_DEMO) --reading only-failed --order partition --seed 3
	$(KAFKA_DEMO) --reading from-lowest --order key --seed 4

.PHONY: test-stage
test-stage: $(CELERY_READY) $(AWS_READY)  ## The tests that need a stage, on one of their own, then its roles and the life of its stacks
	@$(PREPARE)
	export STAGE_DIR="$(ROOT)/target/stage-test" STAGE_PORT=0 STAGE_RECORD=1
	# They wait for schedules, alarms and retries more than they compute: two cores are no reason to wait for two at a time.
	export RUST_TEST_THREADS=$${RUST_TEST_THREADS:-8}
	trap '$(STAGE) down' EXIT
	trap 'exit 130' INT TERM HUP
	$(TOOLS)/python -m unittest discover --quiet --start-directory infra --top-level-directory .
	$(STAGE) up
	$(STAGE) also fifo
	$(STAGE) also attach
	# First, while nothing else has died on this stage.
	if [ -z "$${AWS_ENDPOINT_URL:-}" ]; then $(RUN).checks.walks; fi
	(
	  export STAGE_LEAVE='cd "$(ROOT)" && $(STAGE) also leave'
	  export STAGE_OUTPUTS="$$STAGE_DIR/outputs.json" STAGE_OUTPUTS_FIFO="$$STAGE_DIR/outputs-fifo.json"
	  export STAGE_OUTPUTS_ATTACH="$$STAGE_DIR/outputs-attach.json" STAGE_CELERY="$(ROOT)/.venv/celery/bin/python"
	  # Nothing of the user's own AWS settings may take a test elsewhere.
	  if [ -z "$${AWS_ENDPOINT_URL:-}" ]; then eval "$$($(RUN).stack.settings)"; fi
	  set -a; source "$$STAGE_DIR/stage.env"; set +a
	  env -u MAKEFLAGS cargo test --workspace --locked --test contract --test e2e --test crash -- --ignored --skip leaving
	  env -u MAKEFLAGS cargo test --workspace --locked --test contract --test e2e --test crash -- --ignored leaving
	)
	# An endpoint of yours is not recorded, and keeps its stacks.
	if [ -z "$${AWS_ENDPOINT_URL:-}" ]; then
	  $(RUN).checks.lifecycle redeploy
	  $(RUN).checks.privileges
	  $(RUN).checks.lifecycle delete
	fi

.PHONY: test-powertools
test-powertools: $(PEERS_NODE) $(PEERS_PYTHON) $(MINISTACK_READY) $(SAM_READY)  ## The processor beside the real libraries of Powertools (Python and TypeScript), on loopback
	@$(RUN).checks.powertools

.PHONY: test-browser
test-browser: $(BROWSER_READY)  ## The console in a real headless Chromium (Debian's package chromium): story, keys, accessibility
	@env -u MAKEFLAGS cargo build --workspace --locked --quiet --example incident
	CONSOLE_INCIDENT="$(ROOT)/target/debug/examples/incident" node --test $(BROWSER)/console.test.mjs

.PHONY: pictures
pictures: $(BROWSER_READY)  ## Makes the pictures in docs/ anew: the console in a real browser, the command on a stage of its own
	@$(PREPARE) command
	env -u MAKEFLAGS cargo build --workspace --locked --quiet --example incident
	CONSOLE_INCIDENT="$(ROOT)/target/debug/examples/incident" node $(BROWSER)/pictures.mjs docs
	STAGE_DIR="$(ROOT)/target/stage-pictures" STAGE_PORT=0 $(RUN).demo.recording
	node $(BROWSER)/recording.mjs target/recording/redrive.cast docs/redrive.gif

# What `make test-here` has fewer of.
.PHONY: test-deep
test-deep:  ## Ten thousand random schedules of the simulator, a hundred thousand generated events
	SEEDS=10000 env -u MAKEFLAGS cargo test --workspace --locked --test sim -- schedules an_index_without_groups
	EVENTS=100000 env -u MAKEFLAGS cargo test --workspace --locked --test flow -- generated

.PHONY: sim
sim:  ## More random schedules of the real engine over models (SEEDS=10000)
	SEEDS=$(or $(SEEDS),10000) env -u MAKEFLAGS cargo test --workspace --locked --test sim -- --nocapture schedules

.PHONY: contract
contract:  ## The contract on a second emulator of DynamoDB, in process (compiles SQLite once)
	env -u MAKEFLAGS cargo test -p redrive-tests --locked --features dynoxide --test contract in_process

# Its core as a process of its own, bound to loopback: SQS runs there without Docker, DynamoDB and Lambda do not.
.PHONY: localstack-sqs
localstack-sqs: $(LOCALSTACK_READY)  ## The contract of the queues on LocalStack's core, without Docker (needs Python 3.13)
	@$(LOCALSTACK)/bin/python -m infra.checks.localstack_sqs --outputs target/localstack/outputs.json -- \
	  env -u MAKEFLAGS cargo test -p redrive-tests --locked --test contract queues:: -- --ignored

# The target's own corpus grows in target/fuzz; what it starts from is tests/fuzz/seeds and the event files.
.PHONY: fuzz
fuzz: target/tools/bin/cargo-fuzz  ## Random bytes into one parser, led by coverage (TARGET=event SECONDS=60)
	@test -f "tests/fuzz/fuzz_targets/$(TARGET).rs" || { echo "TARGET must be one of:" tests/fuzz/fuzz_targets/*.rs >&2; exit 1; }
	corpus="target/fuzz/corpus/$(TARGET)"
	mkdir -p "$$corpus" target/fuzz/artifacts
	seeds=(tests/events)
	if [ -d "tests/fuzz/seeds/$(TARGET)" ]; then seeds+=("tests/fuzz/seeds/$(TARGET)"); fi
	export RUSTC_BOOTSTRAP=1
	env -u MAKEFLAGS $< run --fuzz-dir tests/fuzz --target-dir target/fuzz --sanitizer none $(TARGET) "$$corpus" "$${seeds[@]}" -- \
	  -max_total_time=$(or $(SECONDS),60) -timeout=20 -max_len=65536 -artifact_prefix=target/fuzz/artifacts/$(TARGET)-

.PHONY: cost-of-waiting
cost-of-waiting:  ## What letters cost a month for which nobody does anything: keys that the schedule asks about, and dollars
	env -u MAKEFLAGS cargo test --locked -p redrive-tests --test flow cost_of_waiting -- --nocapture

.PHONY: bench
bench: $(SAM_READY)  ## Ways to write the ledger; indexer and replay beside plain boto3 loops (ROUNDS=300, MESSAGES=2000)
	export CARGO_TARGET_DIR=target/bench CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=2
	env -u MAKEFLAGS cargo run --release --locked -p redrive-bench --features dynoxide -- ledger $(if $(ROUNDS),--rounds $(ROUNDS))
	for what in drain replay; do
	  target/bench/release/redrive-bench $$what --python $(TOOLS)/python $(if $(MESSAGES),--messages $(MESSAGES))
	done

# Debian's package, unpacked without root where it is not installed. Only its counts are used, so any version does.
VALGRIND_TOOLS := target/tools/valgrind
export VALGRIND ?= $(or $(shell command -v valgrind),$(ROOT)/$(VALGRIND_TOOLS)/usr/bin/valgrind.bin)

.PHONY: bench-check
bench-check:  ## Calls, instructions and memory a message, held to stored figures (WRITE_INSTRUCTIONS=1 stores new ones)
	@if [ ! -x "$(VALGRIND)" ] && ! $(MAKE) --no-print-directory $(VALGRIND_TOOLS); then
	  echo 'valgrind is neither here nor to be had by apt: the count of instructions and memory is left out' >&2
	  exit 0
	fi
	case "$(VALGRIND)" in "$(ROOT)"/*) export VALGRIND_LIB="$(ROOT)/$(VALGRIND_TOOLS)/usr/libexec/valgrind" ;; esac
	env -u MAKEFLAGS $(if $(WRITE_INSTRUCTIONS),WRITE_INSTRUCTIONS=1) cargo test --workspace --locked --quiet --test flow -- --ignored --nocapture instructions::a_message

.PHONY: bench-parts
bench-parts:  ## What a message's instructions are spent on, for docs/benchmarks.md: batches of ten, by valgrind
	@binary="$$(env -u MAKEFLAGS cargo test --workspace --locked --no-run --test flow 2>&1 | sed -n 's/.*Executable.*(\(.*\))/\1/p')"
	$(PYTHON) bench/instructions_by_part.py "$(VALGRIND)" "$$binary"

.PHONY: bench-sizes
bench-sizes:  ## What the functions' binaries are made of, for docs/benchmarks.md: as they are shipped, but for their symbols
	@CARGO_TARGET_DIR=target/peers CARGO_PROFILE_RELEASE_STRIP=false env -u MAKEFLAGS cargo build --release --locked --quiet \
	  -p redrive-bench -p processor -p indexer -p replay
	$(PYTHON) bench/binary_by_part.py target/peers/release/{bare-sdk,processor,indexer,replay}

.PHONY: bench-peers
bench-peers: $(PEERS_NODE) $(PEERS_PYTHON)  ## Redrive beside Powertools and the bare SDK, for docs/benchmarks.md (SIZES=10,100 PERCENT=100 INTO=docs SOURCE=kafka)
	@mkdir -p target/peers
	$(PEERS)/typescript/node_modules/.bin/esbuild $(PEERS)/typescript/function.mts --bundle --platform=node --target=node20 \
	  --format=esm --minify --log-level=warning --outfile=target/peers/peers.mjs \
	  "--banner:js=import{createRequire}from'node:module';const require=createRequire(import.meta.url);"
	# As functions are shipped: the workspace's own release profile.
	CARGO_TARGET_DIR=target/peers env -u MAKEFLAGS cargo build --release --locked -p redrive-bench $(if $(filter kafka,$(SOURCE)),--features kafka)
	target/peers/release/redrive-bench peers $(if $(SOURCE),--source $(SOURCE)) --bundle target/peers/peers.mjs --python $(ROOT)/.venv/peers/bin/python --into $(or $(INTO),docs) \
	  $(if $(SIZES),--sizes $(SIZES)) $(if $(PERCENT),--percent $(PERCENT))

.PHONY: bench-command
bench-command: command  ## The command over 1,000 and 20,000 waiting letters (AWS_ENDPOINT_URL, or a DynamoDB of its own)
	export CARGO_TARGET_DIR=target/bench CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=2
	env -u MAKEFLAGS cargo run --release --locked -p redrive-bench --features dynoxide -- \
	  command --command $(COMMAND) $(if $(AWS_ENDPOINT_URL),--endpoint $(AWS_ENDPOINT_URL))

# ---- The local stage --------------------------------------------------------------------------------------------

.PHONY: stage
stage:  ## Brings the stage up, or up to date, and leaves it running (STAGE_PORT, STAGE_DIR, AWS_ENDPOINT_URL)
	@$(PREPARE)
	$(STAGE) up

.PHONY: stage-down
stage-down: $(SAM_READY)  ## Ends every process of the stage
	@$(STAGE) down

.PHONY: stage-status
stage-status: $(SAM_READY)  ## What is up, and where
	@$(STAGE) status

.PHONY: logs
logs: known-function $(SAM_READY)  ## What a function has logged on the stage (F=indexer)
	@$(STAGE) logs $(F)

.PHONY: clean-stage
clean-stage: stage-down  ## Ends the stage and forgets it, compiled functions included
	rm -rf "$(STAGE_DIR)" target/stage-test target/functions

# The one way to end a stage is its own, so the tools go last. It removes what .gitignore names, and asks for nothing to be there.
.PHONY: clean
clean:  ## Ends every stage of this folder, and removes all that was made and installed here
	@for stage in target/stage*/; do
	  if [ -d "$$stage" ] && [ -x .venv/sam/bin/python ]; then STAGE_DIR="$$stage" $(STAGE) down; fi
	done
	rm -rf target .venv infra/.aws-sam $(BROWSER)/node_modules $(PEERS)/typescript/node_modules
	rm -rf $(CDK)/node_modules $(CDK)/dist $(CDK)/cdk.out $(CDK)/lib/functions-settings.json
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

.PHONY: watch
watch: known-function $(SAM_READY)  ## One function on loopback, rebuilt on every change, fed by a queue or not (F=processor QUEUE=main)
	@env -u MAKEFLAGS $(WITH_TOOLS) $(RUN).dev.watch $(F) --port $(WATCH_PORT) $(if $(QUEUE),--queue "$(QUEUE)")

.PHONY: invoke
invoke: known-function $(SAM_READY)  ## Sends the watched function an event file (F=processor EVENT=file)
	@test -f "$(EVENT)" || { echo "EVENT must name a file, such as tests/events/sqs.json" >&2; exit 1; }
	@$(WITH_TOOLS) cargo lambda invoke -A 127.0.0.1 -P $(WATCH_PORT) $(F) --data-file "$(EVENT)"

.PHONY: known-function
known-function:
	@$(if $(filter $(F),$(FUNCTIONS)),:,echo "F must be one of: $(FUNCTIONS)" >&2; exit 1)

# ---- Infrastructure ---------------------------------------------------------------------------------------------

.PHONY: deploy
deploy: known-stack $(SAM_READY)  ## Deploys to your account, asking for everything (STACK=name ARCH=x86_64)
	cd infra
	export $(WITH_TOOLS) AWS_LC_SYS_NO_JITTER_ENTROPY=1
	sam build $(FOR_ARCH)
	sam deploy --guided $(if $(STACK),--stack-name "$(STACK)") $(FOR_ARCH)

# CloudFormation cannot count: a longer name fails in the midst of the deployment, where the queue is made.
.PHONY: known-stack
known-stack:
	@name="$(STACK)"
	[ "$${#name}" -le 70 ] || { echo "STACK has $${#name} characters, and SQS takes 80 for the queue NAME-main.fifo: give one of at most 70" >&2; exit 1; }

.PHONY: deploy-function
deploy-function: known-function $(SAM_READY) command  ## One function's code alone, into a stack that is there (F=processor STACK=redrive, AWS_ENDPOINT_URL)
	@export $(WITH_TOOLS) AWS_LC_SYS_NO_JITTER_ENTROPY=1
	env -u MAKEFLAGS $(AT_ENDPOINT) $(COMMAND) deploy-function $(F) --stack "$(or $(STACK),redrive)"

.PHONY: undeploy
undeploy: command  ## Says what waits in a stack, asks, and deletes it; its tables stay (STACK=redrive YES=1, AWS_ENDPOINT_URL)
	@$(if $(STACK),:,echo "STACK must name a stack" >&2; exit 1)
	env $(AT_ENDPOINT) $(COMMAND) undeploy "$(STACK)" $(if $(YES),--yes)

.PHONY: aws-smoke
aws-smoke: $(SAM_READY) command  ## A canary in your account: a stack of its own, a hundred orders, times, answers, and away (STACK=smoke YES=1, AWS_ENDPOINT_URL)
	@$(if $(STACK),:,echo "STACK must name a stack that is not there yet" >&2; exit 1)
	$(RUN).checks.smoke "$(STACK)" $(if $(YES),--yes) $(SMOKE)

.PHONY: costs
costs: $(SAM_READY)  ## What it costs: idle, a million messages, a million deaths by both ways (infra/costs.toml has prices and assumptions)
	@$(RUN).dev.costs

.PHONY: bench-cost
bench-cost: $(SAM_READY)  ## A million messages beside the peers in dollars, by what make bench-peers measured (docs/peers.json)
	@$(RUN).dev.costs_beside_peers

.PHONY: pairs
pairs: $(SAM_READY)  ## Parameters of attach.yaml for a file of queue pairs, or why they do not hold it (PAIRS=pairs.json AT=/opt/pairs.json)
	@$(if $(PAIRS),:,echo "PAIRS must name a file such as infra/pairs.example.json" >&2; exit 1)
	$(RUN).dev.pairs "$(PAIRS)" $(if $(AT),--at "$(AT)")

.PHONY: pages
pages: $(SAM_READY)  ## Writes docs/configure.md and docs/metrics.md anew, from settings, metrics and templates
	@$(RUN).gates.pages

# What stands in the way of publishing is the one word that the copy changes. What is compiled of them is what is in the packages: a file
# that a crate takes from beside itself is missing there.
.PHONY: crates
crates:  ## Packages the crates as a registry would take them, and compiles what is in the packages, offline; publishes nothing
	@copy="$$(mktemp -d)"
	trap 'rm -rf "$$copy"' EXIT
	git archive HEAD | tar -x -C "$$copy"
	sed -i 's/^publish = false$$/publish = true/' "$$copy/Cargo.toml"
	env -u MAKEFLAGS cargo fetch --locked --quiet
	env -u MAKEFLAGS cargo package --manifest-path "$$copy/Cargo.toml" --workspace $(UNPUBLISHED:%=--exclude %) \
	  --no-verify --offline --target-dir "$$copy/target"
	packages="$(ROOT)/target/crates"
	rm -rf "$$packages"
	mkdir -p "$$packages"
	# All files of a package have one old date, by which Cargo would take what it compiled before for what is there.
	for crate in "$$copy"/target/package/*.crate; do tar --touch -xzf "$$crate" -C "$$packages"; done
	{
	  printf '[workspace]\nresolver = "3"\nmembers = ["*"]\n\n[profile.dev]\ndebug = "line-tables-only"\n\n[patch.crates-io]\n'
	  for folder in "$$packages"/*/; do
	    name="$$(basename "$$folder")"
	    printf '%s = { path = "%s" }\n' "$${name%-*}" "$$name"
	  done
	} > "$$packages/Cargo.toml"
	cp Cargo.lock "$$packages"
	env -u MAKEFLAGS cargo check --manifest-path "$$packages/Cargo.toml" --workspace --offline --target-dir "$(ROOT)/target"

# The commands of docs/own-project.md, in a temporary folder. What it compiles of other crates is shared with this checkout.
.PHONY: new-project
new-project: command $(SAM_READY) $(MINISTACK_READY)  ## Makes a project with `redrive new`, runs its tests and its demo, and holds its template to the gates
	@env -u MAKEFLAGS CARGO_TARGET_DIR="$(ROOT)/target" $(WITH_TOOLS) $(RUN).checks.own_project

.PHONY: validate
validate: $(SAM_READY) $(CHECKOV_READY)  ## Holds the templates to SAM, cfn-lint, checkov, and rules of our own with their mutants
	@cd infra
	export $(WITH_TOOLS) SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1}
	sam validate --lint
	sam validate --lint --template attach.yaml
	sam validate --lint --template kafka.yaml
	sam validate --lint --template rabbitmq.yaml
	cfn-lint template.yaml attach.yaml kafka.yaml rabbitmq.yaml
	# Nothing is fetched or sent: its own checks alone, without a platform's key.
	"$(ROOT)/.venv/checkov/bin/checkov" --file template.yaml attach.yaml kafka.yaml rabbitmq.yaml --framework cloudformation --compact --quiet --skip-download
	cd "$(ROOT)"
	$(RUN).gates.check
	$(RUN).gates.check mutants
	$(MAKE) --no-print-directory workflows cdk

.PHONY: cdk
cdk: $(SAM_READY) $(CDK_READY)  ## The CDK's form: types, lints, each property held against the templates, cdk-nag, synthesis
	@cd $(CDK)
	npm run --silent build
	npm run --silent lint
	npm run --silent test
	built="$$(mktemp -d)"
	trap 'rm -rf "$$built"' EXIT
	for function in $(FUNCTIONS); do mkdir "$$built/$$function"; touch "$$built/$$function/bootstrap"; done
	npx --no-install cdk synth --quiet -c "built=$$built" --output "$$built/whole"
	npx --no-install cdk synth --quiet -c "built=$$built" --output "$$built/attached" \
	  --app 'node dist/bin/attach.js' -c pairs=../pairs.example.json -c ledger=arn:aws:dynamodb:eu-central-1:123456789012:table/ledger

.PHONY: workflows
workflows: $(ACTIONS_READY)  ## Holds workflows, forms, dependabot and the compose file to their schemas, and to zizmor, offline
	@$(ACTIONS)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(ACTIONS)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(ACTIONS)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	$(ACTIONS)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(ACTIONS)/check-jsonschema --builtin-schema vendor.compose-spec infra/stack/compose.yaml
	$(ACTIONS)/zizmor --offline --persona=pedantic --no-progress .github

# Release settings, unless the environment says otherwise. cargo-lambda needs the Rust target of the architecture.
.PHONY: package
package: $(COMPILER_READY) target/tools/bin/cargo-cyclonedx  ## The functions as zips, checksums, bills of materials, into target/package (ARCH=x86_64)
	@export $(WITH_TOOLS) AWS_LC_SYS_NO_JITTER_ENTROPY=1
	case "$(PACKAGE_ARCH)" in
	  x86_64) flag=--x86-64 target=x86_64-unknown-linux-gnu ;;
	  arm64) flag=--arm64 target=aarch64-unknown-linux-gnu ;;
	  *) echo "ARCH must be x86_64 or arm64" >&2; exit 1 ;;
	esac
	packages="$(ROOT)/target/package" built="$(ROOT)/target/package-built"
	mkdir -p "$$packages"
	rm -rf "$$built"
	for function in $(FUNCTIONS); do
	  env -u MAKEFLAGS cargo lambda build --release --locked $$flag --output-format zip --lambda-dir "$$built" -p $$function --bin $$function
	  cp "$$built/$$function/bootstrap.zip" "$$packages/$$function-$(PACKAGE_ARCH).zip"
	  env -u MAKEFLAGS target/tools/bin/cargo-cyclonedx cyclonedx --manifest-path functions/$$function/Cargo.toml --format json \
	    --target $$target --no-build-deps --override-filename redrive-bill
	  mv functions/$$function/redrive-bill.json "$$packages/$$function-$(PACKAGE_ARCH).cdx.json"
	  find . -name redrive-bill.json -not -path "./target/*" -delete
	done
	cd "$$packages"
	sha256sum ./*-$(PACKAGE_ARCH).* > SHA256SUMS-$(PACKAGE_ARCH)
	cat SHA256SUMS-$(PACKAGE_ARCH)

# Not cargo-semver-checks: it compares with a registry by default, and building it means 416 crates.
.PHONY: semver
semver:  ## What breaks in the public surface of the crate redrive since a revision (BASE=main)
	@env -u MAKEFLAGS $(PYTHON) -m infra.dev.public_surface $(or $(BASE),main)

.PHONY: deny
deny: target/tools/bin/cargo-deny  ## Licenses, bans and sources of the dependencies; advisories where the database can be reached
	@target/tools/bin/cargo-deny check bans licenses sources
	if git ls-remote --exit-code --quiet $(ADVISORIES) HEAD > /dev/null 2>&1; then
	  target/tools/bin/cargo-deny check advisories
	else
	  echo "advisories are not checked: $(ADVISORIES) is out of reach" >&2
	fi

# ---- Tools ------------------------------------------------------------------------------------------------------

.PHONY: stage-needs
stage-needs: $(STAGE_NEEDS)
	@:

# What `sam build` will do, with the same flags and folder.
.PHONY: functions
functions: $(COMPILER_READY)
	@env -u MAKEFLAGS $(RUN).stack.compile

# Through a test that wants the binary, so that `make test` compiles nothing of it again; after the functions, which want both cores.
.PHONY: command
command: $(if $(wildcard $(SAM_READY)),,functions)
	@env -u MAKEFLAGS cargo test --workspace --locked --no-run --quiet --test e2e

$(COMPILER_READY): $(REQUIREMENTS)/build.txt
	@$(PYTHON_FITS)
	echo "installing cargo-lambda and zig into .venv/sam"
	$(PYTHON) -m venv .venv/sam
	.venv/sam/$(PIP) $<
	touch $@

$(SAM_READY): $(REQUIREMENTS)/sam.txt $(COMPILER_READY)
	@echo "installing SAM CLI into .venv/sam"
	.venv/sam/$(PIP) $<
	touch $@

$(CDK_READY): $(CDK)/package-lock.json
	@$(NPM_IS_HERE)
	echo "installing the CDK into $(CDK)/node_modules"
	cd $(CDK) && npm ci --silent
	touch $(ROOT)/$@

$(BROWSER_READY): $(BROWSER)/package-lock.json
	@$(NPM_IS_HERE)
	echo "installing the browser's driver and the accessibility checker into $(BROWSER)/node_modules"
	cd $(BROWSER) && npm ci --silent
	touch $(ROOT)/$@

$(MINISTACK_READY): $(REQUIREMENTS)/ministack.txt
	@$(PYTHON_FITS)
	echo "installing MiniStack into .venv/ministack"
	$(PYTHON) -m venv .venv/ministack
	.venv/ministack/$(PIP) $<
	touch $@

# The peers of `make bench-peers`.
$(PEERS_PYTHON): $(REQUIREMENTS)/peers.txt
	@$(PYTHON_FITS)
	echo "installing Powertools for Python into .venv/peers"
	$(PYTHON) -m venv .venv/peers
	.venv/peers/$(PIP) $<
	touch $@

$(PEERS_NODE): $(PEERS)/typescript/package-lock.json
	@$(NPM_IS_HERE)
	echo "installing Powertools for TypeScript into $(PEERS)/typescript/node_modules"
	cd $(PEERS)/typescript && npm ci --silent
	touch $(ROOT)/$@

# The attached consumer of the stage's tests.
$(CELERY_READY): $(REQUIREMENTS)/celery.txt
	@$(PYTHON_FITS)
	echo "installing Celery into .venv/celery"
	$(PYTHON) -m venv .venv/celery
	.venv/celery/$(PIP) $<
	touch $@

$(AWS_READY): $(REQUIREMENTS)/aws.txt
	@$(PYTHON_FITS)
	echo "installing the AWS command line into .venv/aws"
	$(PYTHON) -m venv .venv/aws
	.venv/aws/$(PIP) $<
	touch $@

$(KAFKA_READY): $(REQUIREMENTS)/kafka.txt
	@$(PYTHON_FITS)
	echo "installing a Kafka broker and its client into .venv/kafka"
	$(PYTHON) -m venv .venv/kafka
	.venv/kafka/$(PIP) $<
	touch $@

$(RABBITMQ_READY): $(REQUIREMENTS)/rabbitmq.txt
	@$(PYTHON_FITS)
	echo "installing a client of RabbitMQ into .venv/rabbitmq"
	$(PYTHON) -m venv .venv/rabbitmq
	.venv/rabbitmq/$(PIP) $<
	touch $@

# Debian's packages, unpacked without root. Where apt has no such versions, that is said and the folder is not there: what wants it ends.
$(RABBITMQ_SERVER): $(REQUIREMENTS)/rabbitmq-debs.txt
	@$(PYTHON_FITS)
	RABBITMQ_RELEASE=3 $(PYTHON) -m infra.rabbitmq.packages

$(RABBITMQ4_SERVER): $(REQUIREMENTS)/rabbitmq4-debs.txt
	@$(PYTHON_FITS)
	RABBITMQ_RELEASE=4 $(PYTHON) -m infra.rabbitmq.packages

$(LOCALSTACK_READY): $(REQUIREMENTS)/localstack.txt
	@echo "installing LocalStack's core into $(LOCALSTACK)"
	found="$$(PYTHON="$(PYTHON)" "$(PYTHON)" -m infra.dev.newest_python 3.13)"
	"$$found" -m venv $(LOCALSTACK)
	$(LOCALSTACK)/$(PIP) $<
	touch $@

$(CHECKOV_READY): $(REQUIREMENTS)/checkov.txt
	@$(PYTHON_FITS)
	echo "installing checkov into .venv/checkov"
	$(PYTHON) -m venv .venv/checkov
	.venv/checkov/$(PIP) $<
	touch $@

$(ACTIONS_READY): $(REQUIREMENTS)/actions.txt
	@$(PYTHON_FITS)
	echo "installing zizmor and check-jsonschema into .venv/actions"
	$(PYTHON) -m venv .venv/actions
	.venv/actions/$(PIP) $<
	touch $@

$(PYTHON_READY): $(REQUIREMENTS)/python.txt
	@$(PYTHON_FITS)
	echo "installing ruff and mypy into .venv/python"
	$(PYTHON) -m venv .venv/python
	.venv/python/$(PIP) $<
	touch $@

$(VALGRIND_TOOLS):
	@mkdir -p target/tools
	fetched="$$(mktemp -d)"
	trap 'rm -rf "$$fetched"' EXIT
	cd "$$fetched"
	apt-get -qq download valgrind 2> /dev/null || { apt-get -qq update && apt-get -qq download valgrind; }
	dpkg-deb --extract valgrind_*.deb whole
	mv whole "$(ROOT)/$@"

target/tools/bin/cargo-cyclonedx:
	cargo install --locked --root target/tools cargo-cyclonedx@0.5.9

target/tools/bin/cargo-deny:
	cargo install --locked --root target/tools cargo-deny@0.20.2

target/tools/bin/cargo-fuzz:
	cargo install --locked --root target/tools cargo-fuzz@0.13.2

# A recipe is one script, so that traps and variables reach its end.
.ONESHELL:
