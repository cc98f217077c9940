// The runner for Node: the package's calls as KafkaJS's users write them. README.md tells the protocol.

import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

// The package's folder.
const { CompressionTypes, Kafka, logLevel } = await import(pathToFileURL(`${process.argv[2]}/dist/index.mjs`))

// Longer than anything takes that works.
const PATIENCE = 60000
const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const put = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
async function take() {
  const { value, done } = await lines.next()
  return done ? null : JSON.parse(value)
}

const decoded = (value) => (value === null ? null : Buffer.from(value, 'hex'))
const encoded = (value) => (value === null || value === undefined ? null : value.toString('hex'))

function failed(e) {
  // An error with a type of Kafka's is told by it; the others have KafkaJS's name alone, and what the core knows beside it.
  const root = e.cause ?? e
  return { error: `${e.name} ${root.type ?? root.kind ?? e.kind ?? ''}`.trim(), says: e.message }
}

function headers(pairs) {
  const all = {}
  for (const [name, value] of pairs) {
    if (name in all) all[name] = [all[name], decoded(value)].flat()
    else all[name] = decoded(value)
  }
  return all
}

function pairs(headers) {
  return Object.entries(headers ?? {}).flatMap(([name, values]) => [values].flat().map((value) => [name, encoded(value)]))
}

/** Waits until it is so: asked again whenever something happened. */
class Watched {
  #waiting = new Set()
  failure

  changed() {
    for (const look of this.#waiting) look()
  }

  fail(e) {
    this.failure ??= e
    this.changed()
  }

  until(condition, what) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => end(() => reject(new Error(`in time: ${what()}`))), PATIENCE)
      const end = (settle) => {
        clearTimeout(late)
        this.#waiting.delete(look)
        settle()
      }
      const look = () => {
        if (this.failure) end(() => reject(this.failure))
        else if (condition()) end(resolve)
      }
      this.#waiting.add(look)
      look()
    })
  }
}

class Scenario {
  #scenario
  #producer

  constructor(scenario) {
    this.#scenario = scenario
  }

  async run(step) {
    const [[name, argument]] = Object.entries(step)
    if (name === 'ask') {
      put({ ask: argument })
      await take()
    } else {
      put({ outcome: await this.#outcome(name, argument) })
    }
  }

  async #outcome(name, argument) {
    try {
      return await this[name](argument)
    } catch (e) {
      if (!e.name.startsWith('KafkaJS')) throw e
      return failed(e)
    }
  }

  #kafka(config) {
    return new Kafka({ brokers: config['bootstrap.servers'].split(','), logLevel: logLevel.NOTHING })
  }

  #rest(config, ...own) {
    return Object.fromEntries(Object.entries(config).filter(([name]) => !['bootstrap.servers', ...own].includes(name)))
  }

  async #connected() {
    if (this.#producer === undefined) {
      const { producer: config } = this.#scenario
      const producer = this.#kafka(config).producer({ properties: this.#rest(config, 'compression.type') })
      await producer.connect()
      this.#producer = producer
    }
    return this.#producer
  }

  async #sent(records) {
    const producer = await this.#connected()
    const messages = records.map((record) => ({
      key: decoded(record.key),
      value: decoded(record.value),
      ...('partition' in record && { partition: record.partition }),
      ...('timestamp' in record && { timestamp: String(record.timestamp) }),
      ...('headers' in record && { headers: headers(record.headers) }),
    }))
    const compression = CODECS[this.#scenario.producer['compression.type'] ?? 'none']
    return producer.send({ topic: this.#scenario.topic, messages, compression })
  }

  async send(records) {
    await this.#connected()
    const outcomes = []
    for (const record of records) outcomes.push(await this.#outcome('send_one', record))
    return outcomes
  }

  async send_one(record) {
    const [{ partition, baseOffset }] = await this.#sent([record])
    return { partition, offset: Number(baseOffset) }
  }

  async send_again(record) {
    const end = Date.now() + PATIENCE
    for (;;) {
      try {
        const { partition } = await this.send_one(record)
        return { partition }
      } catch (e) {
        if (e.name !== 'KafkaJSNumberOfRetriesExceeded' || Date.now() > end) throw e
      }
    }
  }

  async send_together(records) {
    await this.#sent(records)
    return { delivered: records.length }
  }

  /** A consumer that runs, and what it has got. */
  async #running(watched, got, assigned = () => {}) {
    const { consumer: config, topic } = this.#scenario
    const own = this.#rest(config, 'group.id')
    const consumer = this.#kafka(config).consumer({ groupId: config['group.id'], retry: { retries: 0 }, properties: own })
    consumer.on(consumer.events.CRASH, ({ payload }) => watched.fail(payload.error))
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      assigned(payload.memberAssignment[topic] ?? [])
      watched.changed()
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        got.push({ partition, message })
        watched.changed()
      },
    })
    return consumer
  }

  async read(count) {
    const watched = new Watched()
    const got = []
    const consumer = await this.#running(watched, got)
    try {
      await watched.until(() => got.length >= count, () => `${got.length} of ${count} records`)
    } finally {
      await consumer.disconnect()
    }
    const records = got.map(({ partition, message }) => ({
      at: [partition, Number(message.offset)],
      key: encoded(message.key),
      value: encoded(message.value),
      headers: pairs(message.headers),
      timestamp: Number(message.timestamp),
    }))
    return records.sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1])
  }

  async read_assigned() {
    return { error: 'not there', says: 'KafkaJS has no assign' }
  }

  async members({ while_both, when_one_left }) {
    const watched = new Watched()
    const member = async () => {
      const one = { got: [], assigned: 0 }
      one.consumer = await this.#running(watched, one.got, (partitions) => {
        one.assigned = partitions.length
      })
      return one
    }
    const first = await member()
    const second = await member()
    const values = ({ got }) => got.map(({ message }) => encoded(message.value)).sort()
    const state = () => JSON.stringify([first, second].map(({ got, assigned }) => [assigned, got.length]))
    try {
      await watched.until(() => first.assigned === 1 && second.assigned === 1, state)
      await this.send(while_both)
      await watched.until(() => first.got.length + second.got.length === while_both.length, state)
      const shares = [values(first), values(second)].sort()
      await first.consumer.disconnect()
      second.got.length = 0
      await watched.until(() => second.assigned === 2, state)
      await this.send(when_one_left)
      await watched.until(() => second.got.length >= when_one_left.length, state)
      return { shares, left_to_one: values(second) }
    } finally {
      await Promise.all([first, second].map(({ consumer }) => consumer.disconnect()))
    }
  }

  async close() {
    await this.#producer?.disconnect()
  }
}

for (let scenario = await take(); scenario !== null; scenario = await take()) {
  const running = new Scenario(scenario)
  for (const step of scenario.steps) await running.run(step)
  await running.close()
}
process.exit(0)
