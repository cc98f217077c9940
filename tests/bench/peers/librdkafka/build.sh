#!/usr/bin/env bash
# Builds the benchmarks' client over librdkafka: the library out of the newest confluent-kafka wheel, the header out of the
# rdkafka-sys crate (its ABI only grows). Usage: build.sh OUTPUT-FOLDER
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$1
mkdir -p "$out/headers/src"

if ! compgen -G "$out/wheel/confluent_kafka.libs/librdkafka*" >/dev/null; then
    echo "bench: the newest confluent-kafka wheel" >&2
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$out" confluent-kafka >&2
    wheels=("$out"/confluent_kafka-*.whl)
    rm -rf "$out/wheel"
    python3 -m zipfile -e "${wheels[-1]}" "$out/wheel"
fi
libraries=("$out"/wheel/confluent_kafka.libs/librdkafka*)

printf '[package]\nname = "headers"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\nrdkafka-sys = "4"\n[workspace]\n' \
    >"$out/headers/Cargo.toml"
touch "$out/headers/src/lib.rs"
manifest=$(cd "$out/headers" && cargo metadata --quiet --format-version 1 | python3 -c '
import json, sys
print(next(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "rdkafka-sys"))')

for program in bench_client bench_groups; do
    cc -O2 -Wall -pthread -isystem "$(dirname "$manifest")/librdkafka/src" "$here/$program.c" -o "$out/$program" \
        "${libraries[0]}" -Wl,-rpath,"$out/wheel/confluent_kafka.libs" -Wl,-rpath-link,"$out/wheel/confluent_kafka.libs"
done
