// What is no message is refused where the program says it, and nothing of it is written.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'

import { KafkaJSNonRetriableError, Partitioners } from 'ottla'

import { cluster, producerOf, readAll } from './helper.mjs'

const { Pack } = createRequire(import.meta.url)('../dist/pack.js')

/** Sends that must be refused, and then one that is not: all there is. */
async function refused(t, config, sends) {
  const { kafka } = await cluster(t, { topics: ['t:3'] })
  const producer = await producerOf(t, kafka, config)
  for (const [message, error] of sends) {
    await assert.rejects(producer.send({ topic: 't', messages: [{ value: 'good' }, message] }), error)
    const topicMessages = [
      { topic: 't', messages: [{ value: 'good' }] },
      { topic: 'u', messages: [message] },
    ]
    if (config === undefined) await assert.rejects(producer.sendBatch({ topicMessages }), error)
  }
  const sent = { value: 'sent', partition: config === undefined ? 2 : undefined }
  const [{ baseOffset }] = await producer.send({ topic: 't', messages: [sent] })
  assert.equal(baseOffset, '0')
  const got = await readAll(t, kafka, 't', 1)
  assert.deepEqual(got.map(({ message }) => message.value.toString()), ['sent'])
}

test('keys, values and headers that are neither strings nor bytes are refused', async (t) => {
  const wrong = [{ a: 1 }, ['a', 'b'], 5, true, 7n, Symbol('s'), () => {}, new Date(0), new String('s'), new Map()]
  const code = 'ERR_INVALID_ARG_TYPE'
  const error = (what) => ({ name: 'TypeError', code, message: new RegExp(`^The ${what} of message \\d`) })
  await refused(t, undefined, [
    ...wrong.map((value) => [{ value }, error('value')]),
    ...wrong.map((key) => [{ key, value: 'v' }, error('key')]),
    ...wrong.filter((one) => !Array.isArray(one)).map((h) => [{ value: 'v', headers: { h } }, error('header "h"')]),
    ...wrong.map((h) => [{ value: 'v', headers: { h: ['x', h] } }, error('header "h"')]),
  ])
})

test('the error of a wrong value says which, where and what it was', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  await assert.rejects(producer.send({ topic: 't', messages: [{ value: 'a' }, { value: { a: 1 } }] }), {
    message: /The value of message 1 for topic "t" must be a string, bytes .* or null: received an instance of Object/,
  })
})

test('partitions that are no integers are refused', async (t) => {
  const error = { name: 'KafkaJSNonRetriableError', message: /^Invalid partition of message \d+ for topic/ }
  const wrong = [NaN, 'x', '', '-', 1.5, '1.5', 2 ** 31, 2 ** 32 + 1, -(2 ** 31) - 1, Infinity, true, {}, [1], 1n]
  await refused(t, undefined, wrong.map((partition) => [{ value: 'v', partition }, error]))
})

test('timestamps that are no whole milliseconds are refused', async (t) => {
  const error = { name: 'KafkaJSNonRetriableError', message: /^Invalid timestamp/ }
  const wrong = ['', ' ', 'abc', '1.5', '1e3', '12x', '9007199254740993', 1.5, NaN, true, {}, [], new Date(NaN)]
  await refused(t, undefined, wrong.map((timestamp) => [{ value: 'v', timestamp }, error]))
})

test('what is no message is refused', async (t) => {
  const error = { name: 'KafkaJSNonRetriableError', message: /^Invalid message without value for topic/ }
  await refused(t, undefined, ['abc', null, undefined, 5, {}, { key: 'k' }].map((message) => [message, error]))
})

test('what is no topic and what are no messages is refused', async (t) => {
  const { kafka } = await cluster(t)
  const producer = await producerOf(t, kafka)
  for (const topic of [5, {}, ['t'], '', null, undefined]) {
    const error = (e) => e instanceof KafkaJSNonRetriableError && e.message.startsWith('Invalid topic')
    await assert.rejects(producer.send({ topic, messages: [{ value: 'v' }] }), error)
    await assert.rejects(producer.sendBatch({ topicMessages: [{ topic, messages: [{ value: 'v' }] }] }), error)
  }
  for (const messages of ['abc', null, undefined, 5, {}]) {
    const error = (e) => e instanceof KafkaJSNonRetriableError && e.message.startsWith('Invalid messages array')
    await assert.rejects(producer.send({ topic: 't', messages }), error)
    await assert.rejects(producer.sendBatch({ topicMessages: [{ topic: 't', messages }] }), error)
  }
})

test('a partitioner of the program’s that chooses no partition is told so', async (t) => {
  const error = { name: 'KafkaJSNonRetriableError', message: /^Invalid partition: the partitioner returned .* for message 1/ }
  const wrong = [NaN, undefined, null, 'x', 1.5, 2 ** 32, Promise.resolve(1)]
  const createPartitioner = () => ({ message }) => (message.chosen === undefined ? 2 : message.chosen.partition)
  await refused(t, { createPartitioner }, wrong.map((partition) => [{ value: 'v', chosen: { partition } }, error]))
})

test('what a message’s partition means is for a partitioner of the program’s to say', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:3'] })
  const createPartitioner = () => ({ message }) => Number(message.partition.slice('number '.length))
  const producer = await producerOf(t, kafka, { createPartitioner })
  const messages = [{ value: 'v', partition: 'number 2' }]
  for (const [written] of [
    await producer.send({ topic: 't', messages }),
    await producer.sendBatch({ topicMessages: [{ topic: 't', messages }] }),
  ]) {
    assert.equal(written.partition, 2)
  }
})

test('timestamps, partitions and bytes of all kinds that KafkaJS takes', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:3'] })
  const producer = await producerOf(t, kafka)
  const millis = 1700000000123
  const timestamps = [`${millis}`, millis, BigInt(millis), new Date(millis), ` ${millis} `, `+${millis}`, `000${millis}`]
  const foreign = runInNewContext('const a = new Uint8Array([65]); [a, a.buffer, new DataView(a.buffer)]')
  const messages = [
    ...timestamps.map((timestamp) => ({ value: 'A', timestamp })),
    ...foreign.map((value) => ({ key: value, value, headers: { h: value, many: [value, 'A'] } })),
    { value: new SharedArrayBuffer(1) },
  ].map((message) => ({ ...message, partition: '1' }))
  await producer.send({ topic: 't', messages })
  const got = await readAll(t, kafka, 't', messages.length)
  assert.deepEqual(new Set(got.map(({ partition }) => partition)), new Set([1]))
  for (const [i] of timestamps.entries()) assert.equal(got[i].message.timestamp, `${millis}`)
  for (const [i] of foreign.entries()) {
    const { key, value, headers } = got[timestamps.length + i].message
    assert.deepEqual([key, value, headers.h, ...headers.many].map(String), Array(5).fill('A'))
  }
  assert.deepEqual(got.at(-1).message.value, Buffer.from([0]))
})

test('the legacy partitioner takes all kinds of bytes for the same key', () => {
  const partition = Partitioners.LegacyPartitioner()
  const partitionMetadata = Array.from({ length: 100 }, (_, partitionId) => ({ partitionId, leader: 0 }))
  const bytes = new Uint8Array([107, 101, 121, 49])
  const of = (key) => partition({ topic: 't', partitionMetadata, message: { key, value: 'v' } })
  for (const key of ['key1', bytes.buffer, new DataView(bytes.buffer), Buffer.from(bytes)]) assert.equal(of(key), of(bytes))
})

test('more sends of one tick than a string of JavaScript’s holds', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  // Refused as too large, each by itself: what matters is that each is looked at.
  const value = 'y'.repeat(40e6)
  const sends = Array.from({ length: 15 }, () => producer.send({ topic: 't', messages: [{ value }] }))
  const settled = await Promise.allSettled(sends)
  assert.deepEqual(new Set(settled.map(({ reason }) => reason?.type)), new Set(['MESSAGE_TOO_LARGE']))
  const [{ baseOffset }] = await producer.send({ topic: 't', messages: [{ value: 'after it' }] })
  assert.equal(baseOffset, '0')
})

test('strings of one send that would be too long together go as bytes', () => {
  const pack = new Pack()
  const value = 'é'.repeat(40e6)
  pack.add(0, 't', 0, [{ value }, { value }, { value: 'short' }])
  assert.equal(pack.text, value + 'short')
  const [, , , , , flags, length] = pack.table
  assert.deepEqual([flags, length], [2 << 2, 80e6])
  assert.equal(Buffer.from(pack.bytes.buffer, 0, 4).toString(), 'éé')
})

test('timeouts of any number of milliseconds', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  for (const timeout of [0, 1, 1500.5, 2 ** 31 - 1]) {
    const written = await producer.send({ topic: 't', timeout, messages: [{ value: 'v' }] })
    assert.equal(written.length, 1)
  }
})
