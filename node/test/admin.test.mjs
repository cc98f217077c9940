import assert from 'node:assert/strict'
import { test } from 'node:test'

import { atEnd, cluster, event, producerOf } from './helper.mjs'

async function adminOf(t, kafka) {
  const admin = kafka.admin()
  await admin.connect()
  atEnd(t, () => admin.disconnect())
  return admin
}

test('topics are created, listed, described and deleted', async (t) => {
  const { kafka } = await cluster(t, { brokers: 3 })
  const admin = await adminOf(t, kafka)
  const topics = [
    { topic: 'a', numPartitions: 3, replicationFactor: 2, configEntries: [{ name: 'retention.ms', value: '1000' }] },
    { topic: 'b' },
  ]
  assert.equal(await admin.createTopics({ topics }), true)
  assert.equal(await admin.createTopics({ topics: [{ topic: 'a' }] }), false, 'it is there already')
  assert.deepEqual((await admin.listTopics()).sort(), ['a', 'b'])
  const { topics: [a] } = await admin.fetchTopicMetadata({ topics: ['a'] })
  assert.equal(a.name, 'a')
  assert.deepEqual(a.partitions.map(({ partitionId }) => partitionId), [0, 1, 2])
  for (const { partitionErrorCode, leader, replicas, isr } of a.partitions) {
    assert.ok(partitionErrorCode === 0 && replicas.includes(leader) && isr.includes(leader) && replicas.length === 2)
  }
  assert.equal((await admin.fetchTopicMetadata()).topics.length, 2)
  await admin.deleteTopics({ topics: ['a'] })
  assert.deepEqual(await admin.listTopics(), ['b'])
  await assert.rejects(admin.fetchTopicMetadata({ topics: ['a'] }), { name: 'KafkaJSProtocolError', code: 3 })
})

test('what can’t be created is told for each topic', async (t) => {
  const { kafka } = await cluster(t)
  const admin = await adminOf(t, kafka)
  await assert.rejects(admin.createTopics({ topics: [{ topic: 'no way' }, { topic: 'fine' }] }), (e) => {
    assert.equal(e.name, 'KafkaJSAggregateError')
    const [{ name, topic, type, code }] = e.errors
    assert.deepEqual([name, topic, type, code], ['KafkaJSCreateTopicError', 'no way', 'INVALID_TOPIC_EXCEPTION', 17])
    return true
  })
  assert.deepEqual(await admin.listTopics(), ['fine'])
  await assert.rejects(admin.createTopics({ topics: 'a' }), /Invalid topics array/)
  await assert.rejects(admin.createTopics({ topics: [{ topic: 'a' }, { topic: 'a' }] }), /multiple entries/)
  await assert.rejects(admin.createPartitions({ topicPartitions: [] }), { name: 'KafkaJSNotImplemented', message: /createPartitions/ })
})

test('offsets, by time too, and the cluster', async (t) => {
  const { kafka, broker } = await cluster(t, { topics: ['t:2'] })
  const producer = await producerOf(t, kafka)
  const messages = [100, 200, 300].map((timestamp) => ({ partition: 0, timestamp: `${timestamp}`, value: 'v' }))
  await producer.send({ topic: 't', messages })
  const admin = kafka.admin()
  const connected = event(admin, admin.events.CONNECT)
  await admin.connect()
  await connected
  atEnd(t, () => admin.disconnect())
  assert.deepEqual(await admin.fetchTopicOffsets('t'), [
    { partition: 0, offset: '3', high: '3', low: '0' },
    { partition: 1, offset: '0', high: '0', low: '0' },
  ])
  assert.deepEqual(await admin.fetchTopicOffsetsByTimestamp('t', 150), [
    { partition: 0, offset: '1' },
    { partition: 1, offset: '0' },
  ])
  const { brokers, clusterId, controller } = await admin.describeCluster()
  assert.deepEqual(brokers.map(({ host, port }) => `${host}:${port}`), broker.brokers)
  assert.ok(clusterId.length > 0 && brokers.some(({ nodeId }) => nodeId === controller))
})
