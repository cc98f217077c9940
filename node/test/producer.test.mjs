import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  CompressionCodecs,
  CompressionTypes,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSProtocolError,
  Partitioners,
} from 'ottla'

import { cluster, kafkaOf, producerOf, readAll } from './helper.mjs'

test('keys, values, headers and timestamps arrive as they were sent', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  const bytes = Buffer.from([0, 255, 128, 10])
  const messages = [
    { key: 'ascii', value: 'plain' },
    { key: 'ключ', value: 'ünïcode 日本語 🎉' },
    { key: bytes, value: Buffer.alloc(100000, 7) },
    { key: null, value: null },
    { value: '' },
    { key: '', value: Buffer.alloc(0) },
    { value: 'half a pair: \ud83d' },
    { value: new Uint16Array([1, 2]) },
    { value: new Uint8Array([3, 4]).buffer },
    { value: 'h', headers: { one: 'é', many: ['1', bytes, 'ß'], none: null, ['__proto__']: 'p' }, timestamp: '1700000000123' },
    { value: 'early', timestamp: '1' },
  ]
  const [written] = await producer.send({ topic: 't', messages })
  assert.deepEqual(written, { topicName: 't', partition: 0, errorCode: 0, baseOffset: '0', logAppendTime: '-1' })
  const got = (await readAll(t, kafka, 't', messages.length)).map(({ message }) => message)
  const expected = messages.map(({ key = null, value }) => [
    key === null ? null : Buffer.from(key),
    value === null
      ? null
      : ArrayBuffer.isView(value)
        ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
        : Buffer.from(value),
  ])
  assert.deepEqual(got.map(({ key, value }) => [key, value]), expected)
  assert.deepEqual(got.map(({ offset }) => offset), messages.map((_, i) => String(i)))
  const { headers, timestamp } = got[9]
  assert.equal(timestamp, '1700000000123')
  assert.deepEqual(Object.entries(headers), [
    ['one', Buffer.from('é')],
    ['many', [Buffer.from('1'), bytes, Buffer.from('ß')]],
    ['none', null],
    ['__proto__', Buffer.from('p')],
  ])
  assert.equal(got[10].timestamp, '1')
  assert.deepEqual(JSON.parse(JSON.stringify(got[0])).offset, '0')
})

test('sends of one tick go out in their order, and each settles by itself', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  const sends = Array.from({ length: 1000 }, (_, i) =>
    producer.send({ topic: 't', messages: [{ value: i % 7 ? `${i}` : `é${i}` }] }),
  )
  const offsets = (await Promise.all(sends)).map(([{ baseOffset }]) => Number(baseOffset))
  assert.deepEqual(offsets, offsets.map((_, i) => i))
  const got = await readAll(t, kafka, 't', 1000)
  assert.deepEqual(got.map(({ message }) => message.value.toString()), sends.map((_, i) => (i % 7 ? `${i}` : `é${i}`)))
})

test('a full buffer makes sends wait, not fail, and the loop turns meanwhile', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka, { properties: { 'queue.buffering.max.kbytes': 64, 'message.max.bytes': 8000 } })
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  t.after(() => clearInterval(timer))
  const value = 'x'.repeat(1000)
  const sends = []
  for (let i = 0; i < 20; i++) {
    const messages = Array.from({ length: 100 }, (_, j) => ({ key: `${i * 100 + j}`, value }))
    sends.push(producer.send({ topic: 't', messages }))
  }
  await Promise.all(sends)
  assert.ok(turns > 0)
  const got = await readAll(t, kafka, 't', 2000)
  assert.deepEqual(got.map(({ message }) => Number(message.key)), got.map((_, i) => i))
})

test('every codec, acks and sendBatch', async (t) => {
  const { kafka } = await cluster(t, { topics: ['a:1', 'b:3'] })
  const producer = await producerOf(t, kafka)
  let sent = 0
  for (const compression of Object.values(CompressionTypes).filter(Number.isInteger)) {
    const messages = Array.from({ length: 100 }, () => ({ value: `value ${sent++} `.repeat(20) }))
    const [written] = await producer.send({ topic: 'a', compression, messages })
    assert.equal(written.baseOffset, String(sent - 100))
  }
  assert.deepEqual(await producer.send({ topic: 'a', acks: 0, messages: [{ value: 'nobody answers' }] }), [])
  const [one] = await producer.send({ topic: 'a', acks: 1, timeout: 5000, messages: [{ value: 'the leader' }] })
  assert.equal(one.topicName, 'a')
  const written = await producer.sendBatch({
    topicMessages: [
      { topic: 'a', messages: [{ value: '1' }] },
      { topic: 'b', messages: [0, 1, 2].map((partition) => ({ partition, value: `${partition}` })) },
      { topic: 'a', messages: [{ value: '2' }] },
    ],
  })
  const where = written.map(({ topicName, partition }) => `${topicName}${partition}`).sort()
  assert.deepEqual(where, ['a0', 'b0', 'b1', 'b2'])
  const got = await readAll(t, kafka, 'a', sent + 4)
  const texts = got.map(({ message }) => message.value.toString())
  assert.ok(texts.slice(0, sent).every((text, i) => text.startsWith(`value ${i} `)))
  // That nobody answers says nothing of when it is written.
  assert.deepEqual(texts.slice(sent).sort(), ['1', '2', 'nobody answers', 'the leader'])
})

test('what is wrong is said, and what is right goes on', async (t) => {
  const { kafka, broker } = await cluster(t, { topics: ['t:1'], autoCreate: false })
  const producer = await producerOf(t, kafka, { properties: { 'topic.metadata.propagation.max.ms': 200 } })
  const send = (messages, topic = 't') => producer.send({ topic, messages })
  await assert.rejects(send([{ key: 'k' }]), { name: 'KafkaJSNonRetriableError', message: /Invalid message without value/ })
  await assert.rejects(send(undefined), KafkaJSNonRetriableError)
  await assert.rejects(send([{ value: 'v' }], ''), { message: 'Invalid topic' })
  await assert.rejects(send([{ value: 'v' }], 'no topic'), (e) => e instanceof KafkaJSError && /no topic/.test(e.message))
  await assert.rejects(send([{ value: 'v', timestamp: 'noon' }]), /Invalid timestamp/)
  const [fine, large, after] = await Promise.allSettled([
    send([{ value: '1' }]),
    send([{ value: Buffer.alloc(2000000) }]),
    send([{ value: '2' }]),
  ])
  assert.deepEqual([fine.status, large.status, after.status], ['fulfilled', 'rejected', 'fulfilled'])
  const { reason } = large
  assert.deepEqual([reason.name, reason.type, reason.code], ['KafkaJSProtocolError', 'MESSAGE_TOO_LARGE', 10])
  await assert.rejects(send([{ value: 'v' }], 'unknown'), {
    name: 'KafkaJSProtocolError',
    type: 'UNKNOWN_TOPIC_OR_PARTITION',
    code: 3,
  })
  await assert.rejects(send([{ value: 'v', partition: 9 }]), KafkaJSError)
  const fault = broker.addFault({ api: 'Produce', times: 1, error: 'NOT_LEADER_OR_FOLLOWER' })
  await send([{ value: '3' }])
  assert.equal(fault.hits, 1)
  broker.addFault({ api: 'Produce', error: 'TOPIC_AUTHORIZATION_FAILED', times: 1 })
  await assert.rejects(send([{ value: 'v' }]), (e) => {
    assert.ok(e instanceof KafkaJSProtocolError)
    assert.deepEqual([e.type, e.code, e.retriable, e.possiblyWritten], ['TOPIC_AUTHORIZATION_FAILED', 29, false, false])
    return true
  })
  await producer.disconnect()
  await assert.rejects(send([{ value: 'v' }]), { message: 'The producer is disconnected' })
  assert.deepEqual(
    (await readAll(t, kafka, 't', 3)).map(({ message }) => message.value.toString()),
    ['1', '2', '3'],
  )
})

test('what is not delivered in its time says so', async (t) => {
  const { kafka, broker } = await cluster(t, { topics: ['t:1'] })
  const properties = { 'delivery.timeout.ms': 300, 'request.timeout.ms': 200 }
  const producer = await producerOf(t, kafka, { properties })
  broker.addFault({ api: 'Produce', silence: true })
  await assert.rejects(producer.send({ topic: 't', messages: [{ value: 'v' }] }), (e) => {
    assert.deepEqual([e.name, e.possiblyWritten, e.topic], ['KafkaJSNumberOfRetriesExceeded', true, 't'])
    return true
  })
})

test('disconnecting delivers what was sent before', async (t) => {
  const { kafka, broker } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  broker.addFault({ api: 'Produce', delayMs: 50, times: 1 })
  const sends = Array.from({ length: 100 }, (_, i) => producer.send({ topic: 't', messages: [{ value: `${i}` }] }))
  await producer.disconnect()
  assert.equal((await Promise.all(sends)).length, 100)
  await producer.connect()
  await producer.send({ topic: 't', messages: [{ value: 'again' }] })
})

// What KafkaJS 2.2.4 answers for 97 partitions.
const LEGACY = [
  ['', 38],
  ['a', 19],
  ['ab', 60],
  ['abc', 67],
  ['abcd', 26],
  ['abcde', 2],
  ['key-1', 90],
  ['key-22', 96],
  ['key-333', 38],
  ['ключ', 84],
  ['日本語', 42],
  ['the quick brown fox', 11],
  ['0123456789abcdef', 92],
  ['user:1234567', 43],
]
const DEFAULT = [
  ['', 35],
  ['a', 49],
  ['ab', 36],
  ['abc', 77],
  ['abcd', 5],
  ['abcde', 67],
  ['key-1', 67],
  ['key-22', 65],
  ['key-333', 85],
  ['ключ', 96],
  ['日本語', 5],
  ['the quick brown fox', 25],
  ['0123456789abcdef', 84],
  ['user:1234567', 23],
]

test('partitioners', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:97'] })
  const seen = []
  const own = await producerOf(t, kafka, {
    createPartitioner: () => ({ topic, partitionMetadata, message }) => {
      seen.push([topic, partitionMetadata.length, message.key])
      return 96
    },
  })
  const [written] = await own.send({ topic: 't', messages: [{ key: 'k', value: 'v' }] })
  assert.deepEqual([written.partition, seen], [96, [['t', 97, 'k']]])
  const of = async (createPartitioner, vectors) => {
    const producer = await producerOf(t, kafka, { createPartitioner })
    for (const [key, partition] of vectors) {
      const [written] = await producer.send({ topic: 't', messages: [{ key, value: 'v' }] })
      assert.equal(written.partition, partition, `key ${key}`)
    }
  }
  await of(Partitioners.LegacyPartitioner, LEGACY)
  await of(Partitioners.DefaultPartitioner, DEFAULT)
  await of(undefined, DEFAULT)
})

test('a partitioner that throws fails its send, and no other', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:2'] })
  const createPartitioner = () => ({ message }) => {
    if (message.value === 'bad') throw new Error('no partition for this')
    return 1
  }
  const producer = await producerOf(t, kafka, { createPartitioner })
  const send = (...values) => producer.send({ topic: 't', messages: values.map((value) => ({ value })) })
  const [before, failed, after] = await Promise.allSettled([send('good'), send('good', 'bad'), send('good')])
  assert.deepEqual([failed.status, failed.reason.message], ['rejected', 'no partition for this'])
  assert.deepEqual([before.value[0].baseOffset, after.value[0].baseOffset], ['0', '1'])
})

test('programs that register codecs run unchanged', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  CompressionCodecs[CompressionTypes.Snappy] = () => assert.fail('its own is built in')
  const producer = await producerOf(t, kafka)
  await producer.send({ topic: 't', compression: CompressionTypes.Snappy, messages: [{ value: 'v'.repeat(1000) }] })
  const [{ message }] = await readAll(t, kafka, 't', 1)
  assert.equal(message.value.toString(), 'v'.repeat(1000))
  delete CompressionCodecs[CompressionTypes.Snappy]
})

test('a partitioner of the program’s waits for a topic that is being created', async (t) => {
  const { kafka } = await cluster(t)
  const producer = await producerOf(t, kafka, { createPartitioner: () => () => 0 })
  const [written] = await producer.send({ topic: 'new', messages: [{ value: 'v' }] })
  assert.equal(written.partition, 0)
})

test('a cluster that can’t be reached is an error within its bound', async () => {
  const producer = kafkaOf(['127.0.0.1:1'], { properties: { 'connect.timeout.ms': 300 } }).producer()
  await assert.rejects(producer.connect(), (e) => {
    assert.equal(e.name, 'KafkaJSNumberOfRetriesExceeded')
    assert.deepEqual([e.cause.name, e.cause.retriable], ['KafkaJSConnectionError', true])
    assert.match(e.message, /127\.0\.0\.1:1/)
    return true
  })
})

test('a property that nobody knows is told with the nearest name', async (t) => {
  const { kafka } = await cluster(t)
  const producer = kafka.producer({ properties: { 'linger.mss': 1 } })
  await assert.rejects(producer.connect(), /linger\.ms/)
  assert.throws(() => kafka.producer({ transactionalId: 'tx' }), { name: 'KafkaJSNotImplemented', message: /transactionalId/ })
})
