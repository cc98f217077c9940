#!/usr/bin/env bash
# Builds the addon and the TypeScript: debug, release, or portable, the release that packages are made of, which zig links so that
# it needs no newer glibc than 2.17 (manylinux2014). What cargo builds stands where it says.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1:-debug}
glibc=2.17
arguments=(-p ottla-node --locked --message-format=json-render-diagnostics)
case $profile in
  debug) arguments=(build "${arguments[@]}") ;;
  release) arguments=(build "${arguments[@]}" --release) ;;
  portable)
    arguments=(zigbuild "${arguments[@]}" --release --target "x86_64-unknown-linux-gnu.$glibc")
    venv=$PWD/../.cache/zig-venv
    [ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install 'cargo-zigbuild>=0.20,<1' ziglang
    PATH=$venv/bin:$PATH
    ;;
  *) echo "node/tools/build.sh: debug, release or portable, not $profile" >&2 && exit 1 ;;
esac
library=$(cargo "${arguments[@]}" | node -e '
  const lines = require("node:fs").readFileSync(0, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line))
  const built = lines.find(({ reason, target }) => reason === "compiler-artifact" && target.name === "ottla_node")
  console.log(built.filenames[0])
')
name=ottla.linux-x64-gnu.node
case "$(uname -sm)" in
  "Linux x86_64") ;;
  *) echo "node/tools/build.sh: no package is laid out for $(uname -sm) yet" >&2 && exit 1 ;;
esac
# Replaced, not overwritten: a process may have it open.
cp "$library" "$name.new"
[ "$profile" = debug ] || strip --strip-debug "$name.new"
if [ "$profile" = portable ]; then
  needed=$(objdump -T "$name.new" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
  if [ "$(printf '%s\n' "$needed" "GLIBC_$glibc" | sort -V | tail -1)" != "GLIBC_$glibc" ]; then
    echo "node/tools/build.sh: the addon needs $needed, and may need GLIBC_$glibc at most" >&2
    objdump -T "$name.new" | grep -F "$needed" >&2
    exit 1
  fi
fi
mv "$name.new" "$name"
# Only what the lock file says, and no scripts of packages.
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error
fi
rm -rf dist
node_modules/.bin/tsc
