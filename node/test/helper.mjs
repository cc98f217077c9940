// What the tests share.

import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'

import { Kafka, logLevel } from 'ottla'
import { Broker } from 'ottla/testing'

/** No wait of a test is longer. */
export const PATIENCE = 30000

const ends = new WeakMap()

/** What is done when the test is over: what was begun last ends first, the broker last of all. */
export function atEnd(t, end) {
  if (!ends.has(t)) {
    ends.set(t, [])
    t.after(async () => {
      for (const one of ends.get(t).reverse()) await one()
    })
  }
  ends.get(t).push(end)
}

/** Apache Kafka's addresses, if there is one. */
const LIVE = process.env.OTTLA_LIVE_KAFKA

/** A name that nothing else in a long-lived cluster has. */
export function uniqueName(name) {
  return `${name}-${process.pid}-${Date.now().toString(36)}-${Math.floor(Math.random() * 1e6)}`
}

/** The same test on the broker in the box and on a live Apache Kafka. */
export function testOnBoth(name, run) {
  test(`${name} (broker in the box)`, async (t) => {
    const { broker } = await cluster(t)
    await run(t, broker.brokers)
  })
  const skip = LIVE ? false : 'OTTLA_LIVE_KAFKA names no Apache Kafka: `make test-node` starts one'
  test(`${name} (Apache Kafka)`, { skip }, (t) => run(t, LIVE.split(',')))
}

/** A topic that is there, led, and unlike any other. */
export async function topicOf(t, kafka, numPartitions = 1) {
  const topic = uniqueName('topic')
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true })
  await admin.disconnect()
  return topic
}

/** A program in a process of its own, whose words can be waited for. */
export class Program {
  out = ''
  err = ''
  #child
  #heard = new EventEmitter()
  #ended

  /** `source` is CommonJS; `flags` are node's. */
  constructor(source, flags = [], env = {}) {
    this.#child = spawn(process.execPath, [...flags, '-e', source], {
      cwd: new URL('..', import.meta.url),
      timeout: PATIENCE,
      env: { ...process.env, ...env },
    })
    for (const stream of ['out', 'err']) {
      this.#child[`std${stream}`].on('data', (data) => {
        this[stream] += data
        this.#heard.emit('heard')
      })
    }
    this.#ended = once(this.#child, 'close').then(([code, signal]) => ({ code, signal, out: this.out, err: this.err }))
    this.#ended.then(() => this.#heard.emit('heard'))
  }

  /** Waits until it has printed what matches. */
  async says(pattern) {
    let isOver = false
    this.#ended.then(() => (isOver = true))
    while (!pattern.test(this.out)) {
      if (isOver) throw new Error(`it ended without saying ${pattern}: ${this.out}${this.err}`)
      await once(this.#heard, 'heard')
    }
  }

  kill(signal) {
    this.#child.kill(signal)
  }

  /** How it ended. */
  end() {
    return this.#ended
  }
}

/** A broker that ends with the test, and a client of it. */
export async function cluster(t, options = {}, config = {}) {
  const broker = await Broker.start(options)
  atEnd(t, () => broker.stop())
  return { broker, kafka: kafkaOf(broker.brokers, config) }
}

export function kafkaOf(brokers, config = {}) {
  return new Kafka({ clientId: 'test', brokers, logLevel: logLevel.NOTHING, ...config })
}

/** A producer that ends with the test. */
export async function producerOf(t, kafka, config) {
  const producer = kafka.producer(config)
  await producer.connect()
  atEnd(t, () => producer.disconnect())
  return producer
}

/** A consumer that is subscribed, and ends with the test. */
export async function consumerOf(t, kafka, topic, config = {}) {
  const { fromBeginning = true, ...rest } = config
  const consumer = kafka.consumer({ groupId: 'group', retry: { initialRetryTime: 5 }, ...rest })
  atEnd(t, () => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topics: [topic].flat(), fromBeginning })
  return consumer
}

/** A list that can be waited for. */
export class Gathered {
  items = []
  #emitter = new EventEmitter()

  add(item) {
    this.items.push(item)
    this.#emitter.emit('added')
  }

  /** Waits until there are so many. */
  async count(count) {
    const signal = AbortSignal.timeout(PATIENCE)
    while (this.items.length < count) await once(this.#emitter, 'added', { signal })
    return this.items
  }
}

/** The next event of a consumer. */
export function event(consumer, name) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${name} in time`)), PATIENCE)
    const remove = consumer.on(name, (event) => {
      clearTimeout(late)
      remove()
      resolve(event.payload)
    })
  })
}

/** All messages of a topic, by a group of its own. */
export async function readAll(t, kafka, topic, count) {
  const consumer = await consumerOf(t, kafka, topic, { groupId: `read-${topic}-${Math.random()}` })
  const got = new Gathered()
  await consumer.run({ eachMessage: async ({ partition, message }) => got.add({ partition, message }) })
  await got.count(count)
  await consumer.disconnect()
  return got.items
}
