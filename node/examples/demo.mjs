// The main job: files as messages out through the producer to a broker, and back, the same byte for byte.
//
// Each file is a key, each line with its terminator a message; an empty file is one empty message.
// Usage: node examples/demo.mjs [--bootstrap-servers HOST:PORT] [FOLDER|FILE]...

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { Kafka, logLevel } from 'ottla'
import { Broker } from 'ottla/testing'

const PARTITIONS = 4
/** How long nothing may come while messages are missing. */
const SILENCE = 30000
const CHUNK = 1000

const { values, positionals } = parseArgs({
  options: { 'bootstrap-servers': { type: 'string' }, topic: { type: 'string', default: `demo-${process.pid}` } },
  allowPositionals: true,
})

function* filesBelow(path, ending) {
  const stat = statSync(path)
  if (stat.isDirectory()) for (const name of readdirSync(path).sort()) yield* filesBelow(join(path, name), ending)
  else if (stat.isFile() && path.endsWith(ending)) yield path
}

function* lines(content) {
  if (content.length === 0) yield content
  for (let at = 0; at < content.length; ) {
    const end = content.indexOf(10, at)
    const next = end < 0 ? content.length : end + 1
    yield content.subarray(at, next)
    at = next
  }
}

const fetched = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry/src')
const inputs = positionals.length > 0 ? positionals.map((path) => [path, '']) : [[fetched, '.rs']]
const files = new Map()
for (const [path, ending] of inputs) for (const file of filesBelow(path, ending)) files.set(file, readFileSync(file))

const broker = values['bootstrap-servers'] ? undefined : await Broker.start()
const brokers = broker?.brokers ?? values['bootstrap-servers'].split(',')
const kafka = new Kafka({ clientId: 'demo', brokers, logLevel: logLevel.ERROR })
const { topic } = values

const admin = kafka.admin()
await admin.connect()
await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] })

let began = performance.now()
const rate = (what, bytes, count) => {
  const seconds = (performance.now() - began) / 1000
  const [mb, thousand] = [bytes / 1e6, count / 1000]
  const [speed, pace] = [(mb / seconds).toFixed(0), (thousand / seconds).toFixed(0)]
  console.log(`${what} ${count} messages, ${mb.toFixed(1)} MB in ${seconds.toFixed(2)} s: ${speed} MB/s, ${pace} thousand/s`)
}

const producer = kafka.producer()
await producer.connect()
let [messages, bytes, chunk, sends] = [0, 0, [], []]
const flush = () => {
  if (chunk.length === 0) return
  sends.push(producer.send({ topic, messages: chunk }))
  chunk = []
}
for (const [file, content] of files) {
  for (const line of lines(content)) {
    chunk.push({ key: file, value: line })
    messages++
    bytes += line.length
    if (chunk.length === CHUNK) flush()
  }
  // Some under way, not all.
  if (sends.length >= 50) await Promise.all(sends.splice(0))
}
flush()
await Promise.all(sends)
await producer.disconnect()
rate('sent', bytes, messages)

began = performance.now()
const consumer = kafka.consumer({ groupId: `demo-${process.pid}` })
await consumer.connect()
await consumer.subscribe({ topic, fromBeginning: true })
const back = new Map()
await new Promise((resolve, reject) => {
  let missing = messages
  const silent = setTimeout(() => reject(new Error(`nothing came for ${SILENCE} ms, ${missing} messages are missing`)), SILENCE)
  consumer.run({
    partitionsConsumedConcurrently: 1,
    eachBatch: async ({ batch }) => {
      for (const { key, value } of batch.messages) {
        const name = key.toString()
        const parts = back.get(name)
        if (parts) parts.push(value)
        else back.set(name, [value])
      }
      missing -= batch.messages.length
      silent.refresh()
      if (missing <= 0) {
        clearTimeout(silent)
        resolve()
      }
    },
  })
})
rate('received', bytes, messages)
await consumer.disconnect()
for (const [file, content] of files) assert.ok(Buffer.concat(back.get(file)).equals(content), file)
assert.equal(back.size, files.size)
await admin.deleteTopics({ topics: [topic] })
await admin.disconnect()
await broker?.stop()
console.log(`${files.size} files came back byte for byte`)
