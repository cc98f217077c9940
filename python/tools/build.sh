#!/usr/bin/env bash
# Builds the native module where the package lies, for tests and examples, and a venv with what the tests need.
# Arguments: debug (default) or release.
set -euo pipefail
cd "$(dirname "$0")/../.."
profile=${1:-debug}
target=${CARGO_TARGET_DIR:-target}
venv=.cache/python-venv
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "python/: CPython 3.11 or newer is needed, $("$python" --version) is here: name one by PYTHON=..." >&2
    exit 1
fi
[ -x $venv/bin/python ] || "$python" -m venv $venv
if ! $venv/bin/python -c 'import pytest, pytest_timeout, mypy' 2>/dev/null; then
    $venv/bin/pip --quiet --disable-pip-version-check install 'pytest>=8' 'pytest-timeout>=2' 'mypy>=1.10'
fi
if [ "$profile" = release ]; then
    cargo build --locked --release -p ottla-python
else
    cargo build --locked -p ottla-python
fi
# A new file: a process that has the old one mapped keeps it.
rm -f python/ottla/_ottla.abi3.so
cp "$target/$profile/lib_ottla.so" python/ottla/_ottla.abi3.so
