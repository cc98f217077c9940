#!/usr/bin/env bash
# Puts the package and its platform's package into dist/node, and tries them in an empty folder.
set -euo pipefail
cd "$(dirname "$0")/.."

bash tools/build.sh portable
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
  # The same in CommonJS and as a module: what was sent is read.
  cat > use.cjs << 'EOF'
exports.use = async ({ Kafka, logLevel }, { Broker }) => {
  const broker = await Broker.start()
  const kafka = new Kafka({ brokers: broker.brokers, logLevel: logLevel.ERROR })
  const [producer, consumer] = [kafka.producer(), kafka.consumer({ groupId: 'installed' })]
  await Promise.all([producer.connect(), consumer.connect()])
  await producer.send({ topic: 'installed', messages: [{ value: 'works' }] })
  await consumer.subscribe({ topic: 'installed', fromBeginning: true })
  const read = await new Promise((resolve) => consumer.run({ eachMessage: async ({ message }) => resolve(`${message.value}`) }))
  if (read !== 'works') throw new Error(`${read} was read`)
  await Promise.all([producer.disconnect(), consumer.disconnect()])
  await broker.stop()
}
EOF
  echo 'require("./use.cjs").use(require("ottla"), require("ottla/testing"))' > required.cjs
  echo 'import * as ottla from "ottla"
import * as testing from "ottla/testing"
import { use } from "./use.cjs"
await use(ottla, testing)' > imported.mjs
  for program in required.cjs imported.mjs; do
    timeout 60 node "$program"
    echo "$program: a message was sent and read"
  done
)
echo "installed from dist/node into an empty folder, and used there:"
ls -l "$out"
