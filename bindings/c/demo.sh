#!/bin/bash
# The main job from C, against the library in dist/c: files as records out to a broker in the process, and back, byte for byte.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PKG_CONFIG_PATH="$root/dist/c/lib/pkgconfig"
if command -v pkg-config > /dev/null; then
    flags=$(pkg-config --cflags --libs rdkafka)
else
    flags="-I$root/dist/c/include -L$root/dist/c/lib -lrdkafka"
fi
# shellcheck disable=SC2086 # the flags are words
cc -std=gnu99 -O2 -Wall -Wextra -Werror "$root/c-include/examples/files.c" -o "$work/files" $flags
mkdir "$work/out"
files=("$root"/rust-client/protocol/src/messages/*.rs "$root/Cargo.lock" "$root/dist/c/lib/librdkafka.so.1")
LD_LIBRARY_PATH="$root/dist/c/lib" "$work/files" mock demo "$work/out" "${files[@]}"
for file in "${files[@]}"; do cmp "$file" "$work/out/$(basename "$file")"; done
echo "demo-c: ${#files[@]} files, byte for byte"
