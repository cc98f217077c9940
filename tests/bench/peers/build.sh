#!/usr/bin/env bash
# Builds the other clients of the benchmarks, and the faces of other languages, under target/peers, which it prints.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
out=${CARGO_TARGET_DIR:-$PWD/target}/peers
mkdir -p "$out/franz-go"
bash tests/bench/peers/librdkafka/build.sh "$out/librdkafka"
bash tests/bench/peers/faces.sh "$out"
cd tests/bench/peers/franz-go
go build -mod=readonly -o "$out/franz-go/bench_client" .
go build -mod=readonly -o "$out/franz-go/bench_groups" ./groups
go build -mod=readonly -o "$out/franz-go/kfake" ./kfake
echo "$out"
