import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Gathered, atEnd, cluster, consumerOf, event, producerOf } from './helper.mjs'

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
  const refused = admin.createPartitions({ topicPartitions: [] })
  await assert.rejects(refused, { name: 'KafkaJSNotImplemented', message: /createPartitions/ })
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

test('groups are listed, described and deleted; their offsets fetched, set and reset', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:2'] })
  const producer = await producerOf(t, kafka)
  await producer.send({ topic: 't', messages: [0, 0, 0, 1].map((partition) => ({ partition, value: 'v' })) })
  const admin = await adminOf(t, kafka)
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  await consumer.run({ eachMessage: async ({ message }) => got.add(message.offset) })
  await got.count(4)
  assert.deepEqual(await admin.listGroups(), { groups: [{ groupId: 'group', protocolType: 'consumer' }] })
  const { groups: [group] } = await admin.describeGroups(['group'])
  const { members: [member], ...rest } = group
  assert.deepEqual(rest, {
    errorCode: 0,
    groupId: 'group',
    state: 'Stable',
    protocolType: 'consumer',
    protocol: 'RoundRobinAssigner',
  })
  assert.equal(member.clientId, 'test')
  assert.ok(Buffer.isBuffer(member.memberAssignment) && member.memberAssignment.includes('t') && member.memberId.length > 0)
  assert.deepEqual(await consumer.describeGroup(), group)
  const { groups: [none, same] } = await admin.describeGroups(['nobody', 'group'])
  assert.deepEqual([none.state, none.members, same], ['Dead', [], group])
  await assert.rejects(admin.deleteGroups(['group']), ({ name, groups }) => {
    assert.deepEqual([name, groups[0].groupId, groups[0].error.type], ['KafkaJSDeleteGroupsError', 'group', 'NON_EMPTY_GROUP'])
    return true
  })
  await assert.rejects(admin.setOffsets({ groupId: 'group', topic: 't', partitions: [{ partition: 0, offset: '1' }] }), {
    name: 'KafkaJSProtocolError',
  })
  await consumer.disconnect()
  const offsets = async (topics) => {
    const [{ topic, partitions }] = await admin.fetchOffsets({ groupId: 'group', topics })
    assert.equal(topic, 't')
    return partitions.map(({ partition, offset, metadata }) => [partition, offset, metadata])
  }
  assert.deepEqual(await offsets(), [[0, '3', null], [1, '1', null]])
  await admin.setOffsets({ groupId: 'group', topic: 't', partitions: [{ partition: 0, offset: '2', metadata: 'why' }] })
  assert.deepEqual(await offsets(['t']), [[0, '2', 'why'], [1, '1', null]])
  await admin.resetOffsets({ groupId: 'group', topic: 't', earliest: true })
  assert.deepEqual(await offsets(['t']), [[0, '0', null], [1, '0', null]])
  assert.deepEqual(await admin.deleteGroups(['group']), [{ groupId: 'group', errorCode: 0 }])
  assert.deepEqual(await offsets(['t']), [[0, '-1', null], [1, '-1', null]])
})
