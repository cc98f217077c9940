import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import * as imported from 'ottla'

import { Gathered, Program, cluster, consumerOf, producerOf, readAll } from './helper.mjs'

const require = createRequire(import.meta.url)

/** The program's beginning, and what it does. */
function main(source, brokers) {
  const prelude = `
    const { Kafka, logLevel } = require('ottla')
    const kafka = new Kafka({ brokers: ${JSON.stringify(brokers)}, logLevel: logLevel.NOTHING })
  `
  return `${prelude}\n;(async () => {${source}})().catch((e) => { console.error(e); process.exit(1) })`
}

/** Runs a program of its own against the brokers; how it ended. */
function program(source, brokers) {
  return new Program(main(source, brokers)).end()
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

for (const begin of [
  'const it = kafka.producer(); it.connect()',
  'const it = kafka.admin(); it.connect()',
  "const it = kafka.consumer({ groupId: 'g' }); it.connect()",
  "const it = kafka.consumer({ groupId: 'g' }); await it.subscribe({ topic: 't' }); it.run({ eachMessage: () => {} })",
]) {
  test(`a process whose client was disconnected while it connected ends: ${begin}`, async (t) => {
    const { broker } = await cluster(t, { topics: ['t:1'] })
    broker.addFault({ api: 'ApiVersions', delayMs: 100, times: 2 })
    const ended = await program(`${begin}; await it.disconnect(); console.log('disconnected')`, broker.brokers)
    assert.deepEqual(ended, { code: 0, signal: null, out: 'disconnected\n', err: '' })
  })
}

test('a worker that exits sends what is its own, and leaves alone what is others’', async (t) => {
  const { broker, kafka } = await cluster(t, { topics: ['t:1', 'u:1'] })
  const producer = await producerOf(t, kafka)
  const fault = broker.addFault({ api: 'Produce', topic: 't', delayMs: 3000, times: 1 })
  const sent = producer.send({ topic: 't', messages: [{ value: 'slow' }] })
  const source = main(
    `
    const producer = kafka.producer()
    await producer.connect()
    producer.send({ topic: 'u', messages: [{ value: 'last words' }] })
    process.exit(0)
    `,
    broker.brokers,
  )
  const worker = new Worker(source, { eval: true, stderr: true })
  let err = ''
  worker.stderr.on('data', (data) => (err += data))
  await once(worker, 'exit')
  assert.equal(err, '')
  const [{ message }] = await readAll(t, kafka, 'u', 1)
  assert.equal(message.value.toString(), 'last words')
  assert.ok(fault.hits <= 1)
  await sent
})

test('the addon may be loaded twice', async (t) => {
  const { broker } = await cluster(t, { topics: ['t:1'] })
  const ended = await program(
    `
    const producer = kafka.producer()
    await producer.connect()
    for (const key of Object.keys(require.cache)) delete require.cache[key]
    const again = require('ottla')
    const other = new again.Kafka({ brokers: ${JSON.stringify(broker.brokers)}, logLevel: again.logLevel.NOTHING }).producer()
    await other.connect()
    for (const one of [producer, other]) console.log((await one.send({ topic: 't', messages: [{ value: 'v' }] })).length)
    await Promise.all([producer.disconnect(), other.disconnect()])
    `,
    broker.brokers,
  )
  assert.deepEqual(ended, { code: 0, signal: null, out: '1\n1\n', err: '' })
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

test('a process that ends waits for its messages as long as exit.timeout.ms says', async (t) => {
  const { broker, kafka } = await cluster(t, { topics: ['t:1'] })
  // Longer than the second that it waits unless it is told.
  broker.addFault({ api: 'Produce', delayMs: 1500 })
  const sends = (ms) => `
    const producer = kafka.producer({ properties: { 'exit.timeout.ms': ${ms} } })
    await producer.connect()
    for (let i = 0; i < 5; i++) producer.send({ topic: 't', messages: [{ value: '${ms}' }] })
    process.exit(0)
  `
  const [none, enough] = await Promise.all([0, 25000].map((ms) => program(sends(ms), broker.brokers)))
  assert.match(none.err, /ended with 5 messages unsent/)
  assert.equal(enough.err, '')
  broker.clearFaults()
  const got = await readAll(t, kafka, 't', 5)
  assert.equal(got.filter(({ message }) => `${message.value}` === '25000').length, 5)
})

test('ctrl-c ends a process that waits, whatever it waits for', async (t) => {
  const { broker } = await cluster(t, { topics: ['t:1'] })
  const silent = await cluster(t, { topics: ['t:1'] })
  silent.broker.addFault({ api: 'Produce', silence: true })
  silent.broker.addFault({ api: 'CreateTopics', silence: true })
  const nowhere = ['127.0.0.1:1']
  const consumer = `
    const consumer = kafka.consumer({ groupId: 'g' + process.pid })
    await consumer.connect()
    await consumer.subscribe({ topic: 't' })
  `
  const producer = `
    const producer = kafka.producer()
    await producer.connect()
  `
  const waits = {
    'connecting': [nowhere, 'const promise = kafka.producer().connect()'],
    'sending': [silent.broker.brokers, `${producer}; const promise = producer.send({ topic: 't', messages: [{ value: 'v' }] })`],
    'disconnecting': [
      silent.broker.brokers,
      `${producer}; producer.send({ topic: 't', messages: [{ value: 'v' }] }); const promise = producer.disconnect()`,
    ],
    'eachMessage': [
      broker.brokers,
      `${consumer}; await consumer.run({ eachMessage: () => {} }); const promise = new Promise(() => {})`,
    ],
    'for await': [broker.brokers, `${consumer}; const promise = consumer[Symbol.asyncIterator]().next()`],
    'an admin': [
      silent.broker.brokers,
      `const admin = kafka.admin(); await admin.connect(); const promise = admin.createTopics({ topics: [{ topic: 'new' }] })`,
    ],
  }
  const ends = Object.entries(waits).map(async ([name, [brokers, source]]) => {
    const waiting = new Program(main(`${source}; setTimeout(() => console.log('waiting')); await promise`, brokers))
    await waiting.says(/waiting/)
    waiting.kill('SIGINT')
    const { code, signal, err } = await waiting.end()
    assert.deepEqual({ name, code, signal, err }, { name, code: null, signal: 'SIGINT', err: '' })
  })
  await Promise.all(ends)
})

test('clients that the program has lost deliver what was sent, and let go of everything', async (t) => {
  const { broker, kafka } = await cluster(t, { topics: ['t:1'] })
  const ended = await new Program(
    `
    const { Kafka, logLevel } = require('ottla')
    const warned = []
    const logCreator = () => ({ log }) => warned.push(log.message)
    const kafka = new Kafka({ brokers: ${JSON.stringify(broker.brokers)}, logLevel: logLevel.WARN, logCreator })
    const sends = []
    const begin = async () => {
      const producer = kafka.producer()
      await producer.connect()
      for (let i = 0; i < 10; i++) sends.push(producer.send({ topic: 't', messages: [{ value: 'v' }] }))
      const [admin, consumer] = [kafka.admin(), kafka.consumer({ groupId: 'lost' })]
      await Promise.all([admin.connect(), consumer.connect()])
    }
    const run = async () => {
      await Promise.all([begin(), begin(), begin()])
      // Collected while sends may be under way, and after.
      for (let i = 0; i < 200 && warned.length < 9; i++) {
        gc()
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      const sent = await Promise.all(sends)
      console.log(sent.length, warned.length, new Set(warned).size)
      // Nothing keeps the process: no client is connected any more.
    }
    run()
    `,
    ['--expose-gc'],
  ).end()
  assert.deepEqual(ended, { code: 0, signal: null, out: '30 9 1\n', err: '' })
  await readAll(t, kafka, 't', 30)
})

test('a consumer that runs is not lost with its name', async (t) => {
  const { broker, kafka } = await cluster(t, { topics: ['t:1'] })
  const running = new Program(
    main(
      `
      await (async () => {
        const consumer = kafka.consumer({ groupId: 'g' })
        await consumer.connect()
        await consumer.subscribe({ topic: 't', fromBeginning: true })
        await consumer.run({ eachMessage: async ({ message }) => console.log('got ' + message.value) })
      })()
      for (let i = 0; i < 10; i++) {
        gc()
        await new Promise((resolve) => setImmediate(resolve))
      }
      console.log('collected')
      `,
      broker.brokers,
    ),
    ['--expose-gc'],
  )
  await running.says(/collected/)
  const producer = await producerOf(t, kafka)
  await producer.send({ topic: 't', messages: [{ value: 'it' }] })
  await running.says(/got it/)
  running.kill('SIGTERM')
  assert.equal((await running.end()).signal, 'SIGTERM')
})

test('a hundred clients, one after the other, leave no thread, no descriptor and no memory behind', async (t) => {
  const { broker } = await cluster(t, { topics: ['t:1'] })
  const ended = await new Program(
    main(
      `
      const { readdirSync } = require('node:fs')
      const counted = () => {
        gc()
        return [readdirSync('/proc/self/task').length, readdirSync('/proc/self/fd').length, process.memoryUsage.rss() / 1e6]
      }
      let group = 0
      const three = async () => {
        const [producer, consumer, admin] = [kafka.producer(), kafka.consumer({ groupId: 'g' + group++ % 5 }), kafka.admin()]
        await Promise.all([producer.connect(), consumer.connect(), admin.connect()])
        await producer.send({ topic: 't', messages: [{ value: 'v' }] })
        await admin.listTopics()
        await consumer.subscribe({ topic: 't', fromBeginning: true })
        await new Promise((resolve) => consumer.run({ eachMessage: async () => resolve() }))
        await Promise.all([producer.disconnect(), consumer.disconnect(), admin.disconnect()])
      }
      for (let i = 0; i < 15; i++) await three()
      const before = counted()
      for (let i = 0; i < 34; i++) await three()
      console.log(JSON.stringify([before, counted()]))
      `,
      broker.brokers,
    ),
    ['--expose-gc'],
  ).end()
  assert.deepEqual([ended.code, ended.err], [0, ''])
  const [[threads, descriptors, megabytes], after] = JSON.parse(ended.out)
  assert.ok(after[0] <= threads + 2, `${threads} threads became ${after[0]}`)
  assert.ok(after[1] <= descriptors + 6, `${descriptors} descriptors became ${after[1]}`)
  assert.ok(after[2] <= megabytes + 15, `${megabytes} MB became ${after[2]}`)
})

test('the event loop turns in every wait', async (t) => {
  const { broker, kafka } = await cluster(t, { topics: ['t:1'] })
  let [turns, isOver] = [0, false]
  const turn = () => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  turn()
  t.after(() => (isOver = true))
  const turning = async (what, wait) => {
    turns = 0
    await wait
    assert.ok(turns > 10, `${turns} turns while ${what}`)
  }
  const nowhere = new imported.Kafka({ brokers: ['127.0.0.1:1'], properties: { 'connect.timeout.ms': 200 } })
  await turning('connecting', assert.rejects(nowhere.producer().connect()))
  const producer = await producerOf(t, kafka, { properties: { 'delivery.timeout.ms': 200, 'request.timeout.ms': 100 } })
  const fault = broker.addFault({ api: 'Produce', silence: true })
  await turning('sending', assert.rejects(producer.send({ topic: 't', messages: [{ value: 'v' }] })))
  const ending = kafka.producer({ properties: { 'delivery.timeout.ms': 200, 'request.timeout.ms': 100 } })
  await ending.connect()
  const left = assert.rejects(ending.send({ topic: 't', messages: [{ value: 'v' }] }))
  await turning('disconnecting', ending.disconnect())
  await left
  fault.remove()
  const consumer = await consumerOf(t, kafka, 't', { fromBeginning: false })
  broker.addFault({ api: 'JoinGroup', delayMs: 200 })
  await turning('joining', consumer.run({ eachMessage: () => {} }))
  broker.addFault({ api: 'LeaveGroup', delayMs: 200 })
  await turning('leaving', consumer.disconnect())
})

test('the event loop turns while messages come without a pause', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  const messages = Array.from({ length: 50000 }, (_, i) => ({ value: `${i}` }))
  await producer.send({ topic: 't', messages })
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  t.after(() => clearInterval(timer))
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
