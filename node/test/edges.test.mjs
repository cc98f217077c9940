// The edges of calls: nothing to do, too early, too late.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Kafka, KafkaJSConnectionError } from 'ottla'

import { cluster, producerOf } from './helper.mjs'

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
