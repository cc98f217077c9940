// What the tests share.

import { EventEmitter, once } from 'node:events'

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
