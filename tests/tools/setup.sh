#!/usr/bin/env bash
# Installs what `make test`, `make demo`, `make proof` and `make bench` need. What it may not install it names, with the
# command that does, and fails: nothing is skipped in silence.
#
#   setup.sh rust     a Rust toolchain that can build
#   setup.sh all      that, rustfmt, clippy, the Windows target, Java, Maven, kcat, and Apache Kafka's jars
#   setup.sh proof    the same, and what looks into the memory of C programs
#   setup.sh bench    what `all` installs, and what the other clients of the benchmarks are built with
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

what=${1:-all}
missing=()

have() { command -v "$1" >/dev/null 2>&1; }

apt_updated=
# apt_install PACKAGE...: true when the packages are installed afterwards.
apt_install() {
    have apt-get || return 1
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        # Only where it asks nobody for a password.
        have sudo && sudo -n true 2>/dev/null || return 1
        as_root=(sudo -n)
    fi
    if [ -z "$apt_updated" ]; then
        "${as_root[@]}" apt-get update -qq >&2 || return 1
        apt_updated=yes
    fi
    echo "setup: apt-get install $*" >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
}

# need TOOL PACKAGE HINT: the tool is there, or is installed as PACKAGE, or is put on the list of what is missing.
need() {
    have "$1" && return 0
    if [ -n "$2" ] && apt_install $2 && hash -r && have "$1"; then return 0; fi
    missing+=("$1: $3")
}

component() { # component NAME PROBE...: a rustup component, added when its probe does not run.
    local name=$1
    shift
    "$@" >/dev/null 2>&1 && return 0
    if have rustup && rustup component add "$name" >&2; then return 0; fi
    missing+=("$name: rustup component add $name")
}

rust() {
    need cargo "" "curl https://sh.rustup.rs -sSf | sh"
    need rustc "" "curl https://sh.rustup.rs -sSf | sh"
    need cc "gcc libc6-dev" "apt-get install gcc libc6-dev (or your system's C compiler)"
}

everything() {
    rust
    if have cargo; then
        component rustfmt cargo fmt --version
        component clippy cargo clippy --version
        if ! [ -d "$(rustc --print sysroot)/lib/rustlib/x86_64-pc-windows-gnu" ]; then
            { have rustup && rustup target add x86_64-pc-windows-gnu >&2; } ||
                missing+=("the Windows target: rustup target add x86_64-pc-windows-gnu")
        fi
    fi
    need java "default-jre-headless" "apt-get install default-jre-headless (Java 17 or newer)"
    need mvn "maven" "apt-get install maven"
    need kcat "kcat" "apt-get install kcat"
    need c++ "g++" "apt-get install g++ (or your system's C++ compiler)"
    need python3 "python3 python3-venv" "apt-get install python3 python3-venv (CPython 3.11 or newer)"
    need node "nodejs npm" "https://nodejs.org (Node 20 or newer)"
    need npm "npm" "https://nodejs.org (npm comes with Node)"
}

report() {
    [ ${#missing[@]} = 0 ] && return 0
    echo "setup: these tools are missing, and could not be installed from here:" >&2
    printf '  %s\n' "${missing[@]}" >&2
    exit 1
}

case $what in
rust)
    rust
    report
    ;;
all)
    everything
    report
    bash tests/tools/fetch-kafka.sh
    ;;
proof)
    everything
    need valgrind "valgrind" "apt-get install valgrind"
    need nm "binutils" "apt-get install binutils"
    report
    bash tests/tools/fetch-kafka.sh
    ;;
bench)
    everything
    need go "golang-go" "https://go.dev/doc/install"
    need python3 "python3" "apt-get install python3"
    need make "make" "apt-get install make"
    need g++ "g++" "apt-get install g++"
    report
    bash tests/tools/fetch-kafka.sh
    ;;
*)
    echo "setup.sh: rust, all, proof or bench, not '$what'" >&2
    exit 2
    ;;
esac
