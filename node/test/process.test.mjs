import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import * as imported from 'ottla'

import { Gathered, PATIENCE, cluster, consumerOf, producerOf, readAll } from './helper.mjs'

const require = createRequire(import.meta.url)

/** Runs a program of its own against the brokers; how it ended. */
async function program(source, brokers) {
  const prelude = `
    const { Kafka, logLevel } = require('ottla')
    const kafka = new Kafka({ brokers: ${JSON.stringify(brokers)}, logLevel: logLevel.NOTHING })
  `
  const main = `${prelude}\n;(async () => {${source}})().catch((e) => { console.error(e); process.exit(1) })`
  const child = spawn(process.execPath, ['-e', main], { cwd: new URL('..', import.meta.url), timeout: PATIENCE })
  let [out, err] = ['', '']
  child.stdout.on('data', (data) => (out += data))
  child.stderr.on('data', (data) => (err += data))
  const [code, signal] = await once(child, 'close')
  return { code, signal, out, err }
}

test('a process whose clients are closed ends', async (t) => {
  const { broker } = await cluster(t, { topics: ['t:1'] })
  const ended = await program(
    `
    const producer = kafka.producer()
    const consumer = kafka.consumer({ groupId: 'g' })
    const admin = kafka.admin()
    await Promise.all([producer.connect(), consumer.connect(), admin.connect()])
    await producer.send({ topic: 't', messages: [{ value: 'v' }] })
    await consumer.subscribe({ topic: 't', fromBeginning: true })
    await new Promise((resolve) => consumer.run({ eachMessage: async () => resolve() }))
    await Promise.all([producer.disconnect(), consumer.disconnect(), admin.disconnect()])
    console.log('closed')
    `,
    broker.brokers,
  )
  assert.deepEqual(ended, { code: 0, signal: null, out: 'closed\n', err: '' })
})

test('a process that exits with messages on their way sends them', async (t) => {
  const { broker, kafka } = await cluster(t, { topics: ['t:1'] })
  const ended = await program(
    `
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 't', messages: [{ value: '0' }] })
    for (let i = 1; i < 1000; i++) producer.send({ topic: 't', messages: [{ value: String(i) }] })
    process.exit(3)
    `,
    broker.brokers,
  )
  assert.deepEqual(ended, { code: 3, signal: null, out: '', err: '' })
  const got = await readAll(t, kafka, 't', 1000)
  assert.deepEqual(got.map(({ message }) => Number(message.value)), got.map((_, i) => i))
})

test('what waits for room is sent too, at the end of the process and before a producer is disconnected', async (t) => {
  const { broker, kafka } = await cluster(t, { topics: ['t:1'] })
  const sends = `
    const properties = { 'queue.buffering.max.kbytes': 64, 'message.max.bytes': 8000 }
    const producer = kafka.producer({ properties })
    await producer.connect()
    const value = 'v'.repeat(1000)
    for (let i = 0; i < 10; i++) producer.send({ topic: 't', messages: Array.from({ length: 50 }, () => ({ value })) })
  `
  const quiet = { signal: null, out: '', err: '' }
  assert.deepEqual(await program(`${sends}; process.exit(3)`, broker.brokers), { code: 3, ...quiet })
  assert.deepEqual(await program(`${sends}; await producer.disconnect()`, broker.brokers), { code: 0, ...quiet })
  assert.equal((await readAll(t, kafka, 't', 1000)).length, 1000)
})

test('what can’t be sent at the end is counted', async (t) => {
  const { broker } = await cluster(t, { topics: ['t:1'] })
  broker.addFault({ api: 'Produce', silence: true })
  const ended = await program(
    `
    const producer = kafka.producer()
    await producer.connect()
    producer.send({ topic: 't', messages: [{ value: '0' }, { value: '1' }] })
    process.exit(0)
    `,
    broker.brokers,
  )
  assert.equal(ended.code, 0)
  assert.match(ended.err, /ended with 2 messages unsent/)
})

test('a worker that is terminated with everything under way takes nothing with it', async (t) => {
  const { broker, kafka } = await cluster(t, { topics: ['t:1'] })
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { Kafka, logLevel } = require(workerData.path)
    const kafka = new Kafka({ brokers: workerData.brokers, logLevel: logLevel.NOTHING })
    ;(async () => {
      const producer = kafka.producer()
      await producer.connect()
      const consumer = kafka.consumer({ groupId: 'worker' })
      await consumer.connect()
      await consumer.subscribe({ topic: 't', fromBeginning: true })
      await consumer.run({ eachMessage: async () => {} })
      for (;;) {
        await Promise.all(Array.from({ length: 100 }, () => producer.send({ topic: 't', messages: [{ value: 'v' }] })))
        parentPort.postMessage('sent')
      }
    })()
  `
  for (let round = 0; round < 3; round++) {
    const workerData = { path: require.resolve('ottla'), brokers: broker.brokers }
    const worker = new Worker(source, { eval: true, workerData })
    await once(worker, 'message')
    await worker.terminate()
  }
  const producer = await producerOf(t, kafka)
  await producer.send({ topic: 't', messages: [{ value: 'still here' }] })
})

test('a hundred clients, one after the other, leave no thread and no descriptor behind', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const count = (what) => readdirSync(`/proc/self/${what}`).length
  const one = async () => {
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 't', messages: [{ value: 'v' }] })
    await producer.disconnect()
  }
  for (let i = 0; i < 10; i++) await one()
  const [threads, descriptors] = [count('task'), count('fd')]
  for (let i = 0; i < 100; i++) await one()
  assert.ok(count('task') <= threads + 2, `${threads} threads became ${count('task')}`)
  assert.ok(count('fd') <= descriptors + 10, `${descriptors} descriptors became ${count('fd')}`)
})

test('the event loop turns while a cluster can’t be reached, and while messages come without a pause', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  t.after(() => clearInterval(timer))
  const nowhere = new imported.Kafka({ brokers: ['127.0.0.1:1'], properties: { 'connect.timeout.ms': 200 } })
  await assert.rejects(nowhere.producer().connect())
  assert.ok(turns > 10, `${turns} turns while connecting`)
  const producer = await producerOf(t, kafka)
  const messages = Array.from({ length: 50000 }, (_, i) => ({ value: `${i}` }))
  await producer.send({ topic: 't', messages })
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  turns = 0
  await consumer.run({ eachMessage: async () => got.items.push(0) === 50000 && got.add(0) })
  await got.count(50000)
  assert.ok(turns > 0, 'none while messages came')
})

test('require and import give the same classes', () => {
  const required = require('ottla')
  const names = Object.keys(imported).filter((name) => !['default', 'module.exports', '__esModule'].includes(name))
  assert.deepEqual(names.sort(), Object.keys(required).sort())
  assert.equal(required.KafkaJSError, imported.KafkaJSError)
  assert.equal(imported.default.Kafka, required.Kafka)
  assert.ok(required.KafkaJSError.prototype instanceof Error)
})
