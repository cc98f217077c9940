// KafkaJS's API, on kafkajs or on ottla: messages out by send, 1,000 at a time or single ones, and back by eachBatch or
// eachMessage. The program is the same for both: the package is named on the command line, by the folder that has it installed.
//
//   node bench_client.mjs PACKAGE FOLDER CASE --bootstrap-servers B --topic T --records N
//                         [--value-size 100] [--linger-ms 5] [--acks all]
//
// KafkaJS has no linger: a send is a request. --linger-ms is for the command line that all have, and acts on neither.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** So many messages go out together: in one send, or in as many sends under way at once. */
const AT_A_TIME = 1000
const SILENCE_MS = 30000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'bootstrap-servers': { type: 'string' },
    topic: { type: 'string' },
    records: { type: 'string' },
    'value-size': { type: 'string', default: '100' },
    'linger-ms': { type: 'string', default: '5' },
    acks: { type: 'string', default: 'all' },
  },
})
const [name, folder, kind] = positionals
const { topic } = values
const [records, size] = [Number(values.records), Number(values['value-size'])]
const acks = values.acks === 'all' ? -1 : Number(values.acks)

const require = createRequire(join(folder, 'index.js'))
const { Kafka, logLevel } = require(name)
const { version } = require(`${name}/package.json`)
const kafka = new Kafka({ clientId: 'bench', brokers: values['bootstrap-servers'].split(','), logLevel: logLevel.ERROR })

/** The process' CPU, all its threads' user and system time, from where it is made, and the clock from there or from `begin`. */
class Meter {
  #cpu = process.cpuUsage()
  #clock = performance.now()

  begin() {
    this.#clock = performance.now()
  }

  done() {
    const seconds = (performance.now() - this.#clock) / 1000
    const { user, system } = process.cpuUsage(this.#cpu)
    const figures = {
      case: kind,
      client: name,
      version,
      records_per_s: Math.round(records / seconds),
      cpu_us_per_record: Math.round(((user + system) / records) * 1e4) / 1e4,
      max_rss_mb: Math.round(process.resourceUsage().maxRSS / 102.4) / 10,
    }
    console.log(JSON.stringify(figures))
  }
}

async function connected() {
  const producer = kafka.producer()
  await producer.connect()
  return producer
}

async function produce() {
  const producer = await connected()
  const value = Buffer.alloc(size, 'x')
  const meter = new Meter()
  for (let left = records; left > 0; left -= AT_A_TIME) {
    const messages = []
    for (let i = Math.min(left, AT_A_TIME); i > 0; i--) messages.push({ value })
    await producer.send({ topic, acks, messages })
  }
  meter.done()
  await producer.disconnect()
}

async function single() {
  const producer = await connected()
  const value = Buffer.alloc(size, 'x')
  const meter = new Meter()
  for (let left = records; left > 0; left -= AT_A_TIME) {
    const sends = []
    for (let i = Math.min(left, AT_A_TIME); i > 0; i--) sends.push(producer.send({ topic, acks, messages: [{ value }] }))
    await Promise.all(sends)
  }
  meter.done()
  await producer.disconnect()
}

/** In a group of its own: KafkaJS has no other way. `handlers` makes what `run` takes of a function that counts bytes. */
async function read(handlers) {
  const consumer = kafka.consumer({ groupId: `bench-${process.pid}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const wanted = records * size
  const meter = new Meter()
  // To join takes KafkaJS seconds, in which it does nothing.
  consumer.on(consumer.events.GROUP_JOIN, () => meter.begin())
  let [bytes, before] = [0, 0]
  let silence
  await new Promise((resolve, reject) => {
    silence = setInterval(() => {
      if (bytes === before) reject(new Error(`${bytes} of ${wanted} bytes came`))
      before = bytes
    }, SILENCE_MS)
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    const count = (more) => {
      const missing = bytes < wanted
      bytes += more
      if (missing && bytes >= wanted) {
        meter.done()
        resolve()
      }
    }
    consumer.run({ autoCommit: false, ...handlers(count) }).catch(reject)
  })
  clearInterval(silence)
  await consumer.disconnect()
}

const consume = () =>
  read((count) => ({
    eachBatch: async ({ batch }) => {
      let bytes = 0
      for (const { value } of batch.messages) bytes += value.length
      count(bytes)
    },
  }))

const each = () =>
  read((count) => ({
    eachMessage: async ({ message }) => {
      count(message.value.length)
    },
  }))

await { produce, single, consume, each }[kind]()
