#!/usr/bin/env bash
# Coverage-guided bytes at each decoder, for so many seconds a target: run.sh SECONDS [TARGET...]
#
# Begins with the inputs in corpus/, which it leaves as they are; what is new goes to the build's folder. An input that fails is
# in artifacts/, and libFuzzer says how to repeat it. KEEP=1 takes the new inputs that reach more into corpus/, minimised.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(messages frames batches codecs)

have() { command -v "$1" >/dev/null 2>&1; }
have rustup || { echo "fuzz: rustup is missing: curl https://sh.rustup.rs -sSf | sh" >&2; exit 1; }
have c++ || { echo "fuzz: a C++ compiler is missing: apt-get install g++ (or your system's)" >&2; exit 1; }
rustup run nightly rustc --version >/dev/null 2>&1 || rustup toolchain install nightly --profile minimal
build=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
tools=$build/tools
export PATH=$tools/bin:$PATH
have cargo-fuzz || cargo install cargo-fuzz --locked --root "$tools" --target-dir "$build/tools-build"

# No sanitizer: there is no unsafe code of ours to watch, and the allocator that counts watches memory. Without optimisation: the
# code of all messages, instrumented, takes longer to optimise than a run lasts (OPTIMISE=1 for one that lasts for hours).
fuzz=(--fuzz-dir . --target-dir "$build" --sanitizer none)
[ -n "${OPTIMISE:-}" ] || fuzz+=(--dev)
for target in "${targets[@]}"; do
    work=$build/corpus/$target
    mkdir -p "$work" "corpus/$target"
    echo "fuzz: $target, $seconds s"
    cargo +nightly fuzz run "${fuzz[@]}" "$target" "$work" "corpus/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 2>&1 |
        grep -vE '^#[0-9]+\s+(NEW|REDUCE|RELOAD|pulse)|NEW_FUNC|^"|ecommended dictionary'
    if [ -n "${KEEP:-}" ]; then
        rm -rf "$build/merged"
        mkdir -p "$build/merged"
        cargo +nightly fuzz run "${fuzz[@]}" "$target" "$build/merged" "corpus/$target" "$work" -- -merge=1 -max_len=512 2>&1 | tail -2
        rm -rf "corpus/$target"
        cp -r "$build/merged" "corpus/$target"
    fi
done
