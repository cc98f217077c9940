#!/usr/bin/env bash
# Puts the package and its platform's package into dist/node, and tries them in an empty folder.
set -euo pipefail
cd "$(dirname "$0")/.."

bash tools/build.sh release
out=$PWD/../dist/node
rm -rf "$out"
mkdir -p "$out"
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
# The package as it is published: the addon is in the platforms' packages, of which npm takes the one that fits.
mkdir "$empty/package"
cp -r dist COMPAT.md README.md ../LICENSE-MIT ../LICENSE-APACHE "$empty/package/"
node - "$empty/package/package.json" << 'EOF'
const { readdirSync, readFileSync, writeFileSync } = require('node:fs')
const { scripts, devDependencies, ...published } = JSON.parse(readFileSync('package.json', 'utf8'))
const platforms = readdirSync('npm').map((name) => [`ottla-${name}`, published.version])
published.optionalDependencies = Object.fromEntries(platforms)
writeFileSync(process.argv[2], JSON.stringify(published, null, 2))
EOF
cp ottla.linux-x64-gnu.node npm/linux-x64-gnu/
(cd "$empty/package" && npm pack --silent --ignore-scripts --pack-destination "$out")
(cd npm/linux-x64-gnu && npm pack --silent --ignore-scripts --pack-destination "$out")
rm -rf "$empty/package"

(
  cd "$empty"
  npm init --yes > /dev/null
  npm install --ignore-scripts --offline --no-audit --no-fund --loglevel=error "$out"/*.tgz
  node -e '
    const { Kafka } = require("ottla")
    const { Broker } = require("ottla/testing")
    ;(async () => {
      const broker = await Broker.start()
      const producer = new Kafka({ brokers: broker.brokers }).producer()
      await producer.connect()
      await producer.send({ topic: "installed", messages: [{ value: "works" }] })
      await producer.disconnect()
      await broker.stop()
    })()
  '
  node --input-type=module -e '
    import { Kafka } from "ottla"
    import { Broker } from "ottla/testing"
    if (!Kafka || !Broker) throw new Error("nothing was imported")
  '
)
echo "installed from dist/node into an empty folder, and used there:"
ls -l "$out"
