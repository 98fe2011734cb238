# `just` lists these. .ci/run runs the same steps and needs no `just`.

brokers := "127.0.0.1:19092"
cluster := env("TMPDIR", "/tmp") / "offerstream-cluster"
on_cluster := "OFFERSTREAM_REQUIRE_CLUSTER=1 OFFERSTREAM_TEST_CLUSTER=" + cluster + " OFFERSTREAM_TEST_PROGRAM=target/release/offerstream"

[private]
default:
    @{{ just_executable() }} --list --unsorted

# Every test that needs no broker; those that do say that they were skipped
test:
    cargo test

# Every test, none skipped, against the brokers of `just broker-up` and `just broker-secured-up`
test-broker: broker-up broker-secured-up
    OFFERSTREAM_TEST_BROKERS={{ brokers }} OFFERSTREAM_TEST_SECURED_DIR="${TMPDIR:-/tmp}/offerstream-kafka-secured" \
        OFFERSTREAM_REQUIRE_BROKER=1 cargo test

# 200,000 recorded events of a real shop, killed half way; the data is read where OFFERSTREAM_TEST_DATA says
real: broker-up
    OFFERSTREAM_TEST_BROKERS={{ brokers }} OFFERSTREAM_REQUIRE_BROKER=1 OFFERSTREAM_REAL_EVENTS=200000 \
        cargo test --release --test real_data -- --nocapture

# The exact loop over a Kafka in memory, with a crash at any step: so many seeds, half of them at_least_once
simulate SEEDS="20000":
    OFFERSTREAM_SIMULATE_SEEDS=0..$(( {{ SEEDS }} / 2 )) cargo test --release --test simulation -- --nocapture --test-threads 1 \
        nothing_is_lost offers_that_leave

# Snapshots in an S3-compatible store, which a server on this machine plays
snapshots-s3: broker-up
    OFFERSTREAM_TEST_BROKERS={{ brokers }} OFFERSTREAM_REQUIRE_BROKER=1 scripts/snapshots_s3.sh
# 100,000 events each through three instances and three brokers, all of which are killed: sixty seeds take an hour
chaos SEEDS="1-60" EVENTS="100000": cluster-up
    cargo build --release
    {{ on_cluster }} OFFERSTREAM_CHAOS_SEEDS={{ SEEDS }} OFFERSTREAM_CHAOS_EVENTS={{ EVENTS }} \
        cargo test --test chaos -- --nocapture

# Brokers stopped for a minute, rolled, killed; networks stalled and cut; processes paused: the long way
faults: cluster-up
    cargo build --release
    {{ on_cluster }} OFFERSTREAM_LONG_FAULTS=1 cargo test --test faults -- --nocapture --test-threads=1

# How long until offers come again: after a kill with a million pairs and 100,000 open baskets, and without a return
recovery: broker-up
    cargo build --release
    OFFERSTREAM_TEST_BROKERS={{ brokers }} OFFERSTREAM_RECOVERY=1 OFFERSTREAM_TEST_PROGRAM=target/release/offerstream \
        nice cargo test --test recovery -- --nocapture --test-threads=1

# What a second instance takes off the first, counted, and how far apart they are
work: broker-up
    cargo build --release
    OFFERSTREAM_TEST_BROKERS={{ brokers }} OFFERSTREAM_REQUIRE_BROKER=1 OFFERSTREAM_TEST_PROGRAM=target/release/offerstream \
        cargo test --test kafka_work -- --nocapture

# Three brokers that tests may harm, from port 19192 on
cluster-up:
    scripts/kafka.sh cluster {{ cluster }} 19192

# Stop them (`scripts/kafka.sh wipe` forgets their data)
cluster-down:
    scripts/kafka.sh stop {{ cluster }}

# Formatting, clippy and documentation, warnings denied
lint:
    scripts/lint.sh

# Clippy for the program without TLS: librdkafka is compiled anew for it, so it is no part of `just lint`
lint-without-tls:
    cargo clippy --no-default-features --all-targets -- -D warnings

# A real Apache Kafka on 127.0.0.1:19092, from Maven Central, without Docker
broker-up:
    scripts/kafka.sh start

# Stop it; its data stays (`scripts/kafka.sh wipe` forgets it)
broker-down:
    scripts/kafka.sh stop

# A Kafka with TLS, passwords and access control lists on 127.0.0.1:19098, for tests/kafka_secured.rs
broker-secured-up:
    scripts/kafka_secured.sh start

# Stop it
broker-secured-down:
    scripts/kafka_secured.sh stop

# TLS, passwords, the least rights: against the broker of `just broker-secured-up`
test-secured: broker-secured-up
    OFFERSTREAM_TEST_SECURED_DIR="${TMPDIR:-/tmp}/offerstream-kafka-secured" OFFERSTREAM_REQUIRE_BROKER=1 cargo test --test kafka_secured

# Mutants of the policy that its tests let live: each is a rule without a test, or an equal way to write it
mutants:
    @cargo mutants --version || { echo "cargo-mutants is missing: cargo install --locked cargo-mutants" >&2; exit 1; }
    cargo mutants --file 'src/engine/policy/**' --timeout 60 --cargo-arg=--lib -- engine::policy

# Hostile bytes for every decoder, each target for so many seconds: `just fuzz 600`, or `just fuzz 600 event pipeline`
fuzz SECONDS *TARGETS:
    scripts/fuzz.sh {{ SECONDS }} {{ TARGETS }}

# What the policy's rules cost against a policy without any, paired: `just rules-cost events.jsonl.gz catalogue.jsonl`
rules-cost EVENTS CATALOGUE="" TURNS="7":
    scripts/rules_cost.sh {{ EVENTS }} "{{ CATALOGUE }}" {{ TURNS }}

# What a snapshot of ten million pairs costs those who read and fold meanwhile
snapshot-bench *ARGS:
    cargo run --release --example snapshot_bench -- {{ ARGS }}

# How long ranking a cart of ten takes: `just ranking-bench [ITEMS] [NEIGHBOURS] [ROUNDS]`
ranking-bench *ARGS:
    cargo run --release --example ranking_bench -- {{ ARGS }}

# GET /v1/offers beside a stream, against an empty handler: `just http-bench [SECONDS] [REQUESTS_A_SECOND] [EVENTS_A_SECOND]`
http-bench *ARGS:
    cargo run --release --example http_bench -- {{ ARGS }}

# How long an event about a basket of 5,000 lines takes: `just large-basket [LINES] [ROUNDS] [WITHIN_MS]`
large-basket *ARGS:
    cargo run --release --example large_basket -- {{ ARGS }}

# The simulated shop, until Ctrl-C
demo *ARGS:
    cargo run --release -- demo {{ ARGS }}

# Write dashboards/*.json from scripts/dashboards
dashboards-build:
    scripts/build_dashboards.sh

# Are the dashboards what their code makes, and does a real Prometheus answer each of their queries?
dashboards:
    scripts/build_dashboards.sh --check
    cargo build --release
    scripts/check_dashboard.py target/release/offerstream

# Draw the dashboards' pictures in docs/dashboards from a simulated shop
dashboards-draw:
    cargo build --release
    scripts/draw_dashboards.py target/release/offerstream

# Prometheus' configuration, recording rules and alerts, each of which is tried
rules:
    promtool check config docker/prometheus.yml
    promtool test rules docker/rules_test.yml docker/rules_test_weeks.yml

# A merchant's own sums, read off the dashboard of a back-filled Prometheus
backfill:
    cargo build --release
    scripts/check_backfill.py target/release/offerstream

# The container image, by Docker or Buildah, whichever is there
image TAG="offerstream:latest":
    if docker info >/dev/null 2>&1; then docker build --file docker/Dockerfile --tag {{ TAG }} .; \
    else buildah bud --file docker/Dockerfile --tag {{ TAG }} .; fi

# Does the program do with what the container gives it? The demo, without root, capabilities or a disk to write to; needs root
sandbox:
    cargo build --release
    scripts/check_sandbox.sh target/release/offerstream

# Licences, sources, advisories and duplicates of the dependencies
deny:
    @cargo deny --version || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
    cargo deny check

# The budget of limits.memory, held against a real process over a shop that grows tenfold
memory *ARGS:
    cargo build --release --bin offerstream --example growing_shop
    scripts/memory.py budget target/release/offerstream target/release/examples/growing_shop {{ ARGS }}

# Memory from 10 to 100 million events of a shop that keeps growing, with small limits; takes a while
memory-flat *ARGS:
    cargo build --release --bin offerstream --example growing_shop
    scripts/memory.py flat target/release/offerstream target/release/examples/growing_shop {{ ARGS }}

# All that a change must pass
ci:
    .ci/run
