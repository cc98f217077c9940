#!/usr/bin/env bash
# Puts a wheel into dist/python, and tries it in an empty venv, from that folder alone, without a compiler.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.cache/python-build-venv
[ -x $venv/bin/python ] || "${PYTHON:-python3}" -m venv $venv
$venv/bin/pip --quiet --disable-pip-version-check install 'maturin>=1.9,<2' ziglang
dist=$PWD/dist/python
rm -rf "$dist" && mkdir -p "$dist"
build=$PWD/$venv/bin
(cd python && PATH=$build:$PATH maturin build --release --locked --zig --compatibility manylinux2014 --out "$dist")
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
"${PYTHON:-python3}" -m venv "$empty/venv"
PATH=/nowhere "$empty/venv/bin/pip" --quiet --disable-pip-version-check install --no-index --find-links "$dist" ottla
cp python/examples/demo.py "$empty"
(cd "$empty" && venv/bin/python demo.py demo.py && venv/bin/ottla-broker --help > /dev/null)
# The plugin is found by its entry point; pytest itself is not in that folder.
"$empty/venv/bin/pip" --quiet --disable-pip-version-check install 'pytest>=8'
printf 'def test_it(ottla_broker):\n    assert ottla_broker.bootstrap_servers\n' > "$empty/test_plugin.py"
(cd "$empty" && venv/bin/python -m pytest -q test_plugin.py)
ls "$dist"
