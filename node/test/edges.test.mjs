// The edges of calls: nothing to do, too early, too late.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Kafka, KafkaJSConnectionClosedError, KafkaJSConnectionError, KafkaJSNonRetriableError } from 'ottla'

import { atEnd, cluster, producerOf, testOnBoth, uniqueName, kafkaOf } from './helper.mjs'

test('nothing to send is sent', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  assert.deepEqual(await producer.send({ topic: 't', messages: [] }), [])
  const both = { topicMessages: [{ topic: 't', messages: [] }, { topic: 't', messages: [{ value: 'v' }] }] }
  assert.equal((await producer.sendBatch(both)).length, 1)
})

test('brokers that can’t be found out', async () => {
  const brokers = () => {
    throw new Error('boom')
  }
  const failed = (e) => e instanceof KafkaJSConnectionError && e.message === 'Failed to connect: "config.brokers" threw: boom'
  await assert.rejects(new Kafka({ brokers }).producer().connect(), failed)
})

testOnBoth('subscribing to a topic that is not there', async (t, brokers) => {
  const consumer = kafkaOf(brokers).consumer({ groupId: uniqueName('group'), allowAutoTopicCreation: false })
  atEnd(t, () => consumer.disconnect())
  const unknown = { name: 'KafkaJSProtocolError', type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3, retriable: true }
  await assert.rejects(consumer.subscribe({ topic: uniqueName('missing') }), unknown)
  await assert.rejects(consumer.subscribe({ topic: 'not a name' }), { type: 'INVALID_TOPIC_EXCEPTION' })
})

test('a topic that brokers create when it is asked for may be subscribed to', async (t) => {
  for (const autoCreate of [true, false]) {
    const { kafka } = await cluster(t, { autoCreate })
    const consumer = kafka.consumer({ groupId: 'g' })
    atEnd(t, () => consumer.disconnect())
    const subscribed = consumer.subscribe({ topic: 'new' })
    await (autoCreate ? subscribed : assert.rejects(subscribed, { type: 'UNKNOWN_TOPIC_OR_PARTITION' }))
  }
})

test('an admin is of no use once it is disconnected', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const admin = kafka.admin()
  await admin.connect()
  await admin.disconnect()
  await assert.rejects(admin.listTopics(), (e) => e instanceof KafkaJSConnectionClosedError)
  await admin.connect()
  atEnd(t, () => admin.disconnect())
  assert.deepEqual(await admin.listTopics(), ['t'])
  const ends = [{ partition: 0, offset: '0' }]
  for (const timestamp of [undefined, null, '5', 5]) assert.deepEqual(await admin.fetchTopicOffsetsByTimestamp('t', timestamp), ends)
  await assert.rejects(admin.fetchTopicOffsetsByTimestamp('t', 'noon'), (e) => e instanceof KafkaJSNonRetriableError)
})
