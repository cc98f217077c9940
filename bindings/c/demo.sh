#!/bin/bash
# The main job from C, against the library in dist/c: files as records out to a broker, and back, byte for byte. The broker is one in
# the process, or the one whose address is given.
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
compile=(cc -std=gnu99 -O2 -Wall -Wextra -Werror "$root/c-include/examples/files.c")
# shellcheck disable=SC2086 # the flags are words
"${compile[@]}" -o "$work/shared" $flags
"${compile[@]}" -o "$work/static" -I"$root/dist/c/include" "$root/dist/c/lib/librdkafka.a" -lpthread -lm -ldl
files=("$root"/rust-client/protocol/src/messages/*.rs "$root/Cargo.lock" "$root/dist/c/lib/librdkafka.so.1")
for program in shared static; do
    mkdir "$work/out"
    LD_LIBRARY_PATH="$root/dist/c/lib" "$work/$program" "${1:-mock}" "demo-$$-$program" "$work/out" "${files[@]}"
    for file in "${files[@]}"; do cmp "$file" "$work/out/$(basename "$file")"; done
    rm -r "$work/out"
    echo "demo-c, linked with the $program library: ${#files[@]} files, byte for byte"
done
