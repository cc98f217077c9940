#!/usr/bin/env bash
# Builds the addon and the TypeScript: debug, or the release that packages are made of. What cargo builds stands where it says.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1:-debug}
arguments=(build -p ottla-node --locked --message-format=json-render-diagnostics)
[ "$profile" = release ] && arguments+=(--release)
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
[ "$profile" = release ] && strip --strip-debug "$name.new"
mv "$name.new" "$name"
# Only what the lock file says, and no scripts of packages.
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error
fi
rm -rf dist
node_modules/.bin/tsc
