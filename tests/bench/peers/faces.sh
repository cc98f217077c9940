#!/usr/bin/env bash
# Builds the faces of other languages for release, fetches the clients that they are measured beside, and lays a program
# `bench_client` for each into its folder. A face has the same program as its peer, on its own package.
# Usage: faces.sh OUTPUT-FOLDER
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$here/../../.."
target=${CARGO_TARGET_DIR:-$PWD/target}/release

cargo build --release --locked -p ottla-c -p ottla-python -p ottla-node

# program CLIENT COMMAND...: what runs as CLIENT's bench_client, with the arguments that it is given behind the command's own.
program() {
    local path=$out/$1/bench_client
    shift
    mkdir -p "$(dirname "$path")"
    # Replaced, not overwritten: what lay there may be a link or under way.
    rm -f "$path"
    { echo '#!/bin/sh' && echo "exec $(printf '%q ' "$@") \"\$@\""; } >"$path"
    chmod +x "$path"
}

# C: librdkafka's program, compiled with our header and linked with our library.
mkdir -p "$out/ottla-c/library"
rm -f "$out/ottla-c/bench_client" "$out/ottla-c/library/librdkafka.so.1"
cp "$target/librdkafka.so" "$out/ottla-c/library/librdkafka.so.1"
cc -O2 -Wall -pthread -DCLIENT='"ottla-c"' -Ic-include tests/bench/peers/librdkafka/bench_client.c \
    -o "$out/ottla-c/bench_client" "$out/ottla-c/library/librdkafka.so.1" -Wl,-rpath,"$out/ottla-c/library"

# Python: the package as it lies in a wheel, and a venv with the peers.
venv=$PWD/.cache/bench-venv
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" --quiet --disable-pip-version-check install -r "$here/python/requirements.txt" >&2
packages=$out/ottla-python/packages
rm -rf "$packages" && mkdir -p "$packages/ottla"
(cd python && find ottla \( -name '*.py' -o -name py.typed \) -exec cp --parents {} "$packages" \;)
cp "$target/lib_ottla.so" "$packages/ottla/_ottla.abi3.so"
python() { # python CLIENT PROGRAM MODULE
    program "$1" env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$packages" "$venv/bin/python" "$here/python/$2" "$3"
}
python ottla-python confluent_client.py ottla
python confluent-kafka confluent_client.py confluent_kafka
python ottla-aio aio_client.py ottla.aio
python aiokafka aio_client.py aiokafka
python ottla-kafka kafka_client.py ottla.kafka
python kafka-python kafka_client.py kafka

# Node: the package as npm installs it, and KafkaJS as the lock file says.
if ! [ node/node_modules/.package-lock.json -nt node/package-lock.json ]; then
    (cd node && npm ci --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error >&2)
fi
package=$out/ottla-node/node_modules/ottla
rm -rf "$package" && mkdir -p "$package"
node/node_modules/.bin/tsc -p node --outDir "$package/dist"
cp node/package.json "$package"
cp "$target/libottla_node.so" "$package/ottla.linux-x64-gnu.node"
mkdir -p "$out/kafkajs"
cp "$here/node/package.json" "$here/node/package-lock.json" "$out/kafkajs"
if ! [ "$out/kafkajs/node_modules/.package-lock.json" -nt "$here/node/package-lock.json" ]; then
    (cd "$out/kafkajs" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
fi
for package in ottla-node:ottla kafkajs:kafkajs; do
    program "${package%:*}" node "$here/node/bench_client.mjs" "${package#*:}" "$out/${package%:*}"
done
