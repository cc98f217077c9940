// What is told of requests, heartbeats and assignments, beside what KafkaJS tells of the same.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import kafkajs from 'kafkajs'
import { logLevel } from 'ottla'

import { Gathered, PATIENCE, atEnd, cluster, consumerOf, event, kafkaOf, testOnBoth, topicOf, uniqueName } from './helper.mjs'

const both = (brokers) => ({
  Ottla: kafkaOf(brokers),
  KafkaJS: new kafkajs.Kafka({ clientId: 'test', brokers, logLevel: kafkajs.logLevel.NOTHING }),
})

/** The next event of which this is true. */
function until(client, name, isIt) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no such ${name} in time`)), PATIENCE)
    const remove = client.on(name, (event) => {
      if (!isIt(event.payload)) return
      clearTimeout(late)
      remove()
      resolve(event)
    })
  })
}

const names = (payload) => Object.keys(payload).sort()

testOnBoth('a request is told as KafkaJS tells it', async (t, brokers) => {
  const told = {}
  const topic = await topicOf(t, kafkaOf(brokers))
  for (const [name, kafka] of Object.entries(both(brokers))) {
    const producer = kafka.producer()
    atEnd(t, () => producer.disconnect())
    const requests = new Gathered()
    // From the first one on, and of those that are asked after connecting.
    producer.on(producer.events.REQUEST, (event) => requests.add(event))
    const hello = until(producer, producer.events.REQUEST, ({ apiName }) => apiName === 'ApiVersions')
    const began = Date.now()
    await producer.connect()
    await hello
    const produced = until(producer, producer.events.REQUEST, ({ apiName }) => apiName === 'Produce')
    await producer.send({ topic, messages: [{ value: '1' }] })
    const { type, payload } = await produced
    const { createdAt, sentAt, pendingDuration, duration, size, correlationId, apiVersion, broker, ...same } = payload
    assert.ok(createdAt >= began - 1 && sentAt >= createdAt && sentAt <= Date.now() + 1, JSON.stringify({ began, ...payload }))
    assert.ok(duration >= 0 && pendingDuration === sentAt - createdAt)
    assert.ok(size > 0 && Number.isInteger(correlationId) && apiVersion >= 3 && /^[^:]+:\d+$/.test(broker))
    assert.ok(brokers.includes(broker) || broker.includes(':'))
    told[name] = { type, ...same, names: names(payload) }
    const ids = requests.items.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length)
  }
  assert.deepEqual(told.Ottla, told.KafkaJS)
})

test('requests are told to who listens, and to nobody else', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t'] })
  const admin = kafka.admin()
  atEnd(t, () => admin.disconnect())
  await admin.connect()
  const heard = new Gathered()
  const remove = admin.on(admin.events.REQUEST, ({ payload }) => heard.add(payload.apiName))
  await admin.fetchTopicOffsets('t')
  await heard.count(1)
  remove()
  const before = heard.items.length
  await admin.fetchTopicOffsets('t')
  const last = until(admin, admin.events.REQUEST, ({ apiName }) => apiName === 'ListGroups')
  await admin.listGroups()
  assert.equal((await last).type, 'admin.network.request')
  assert.equal(heard.items.length, before)
})

test('a request that nobody answers is told as KafkaJS tells it', async (t) => {
  const { broker } = await cluster(t, { topics: ['t'] })
  const told = {}
  for (const [name, kafka] of Object.entries({
    Ottla: kafkaOf(broker.brokers, { requestTimeout: 1000 }),
    KafkaJS: new kafkajs.Kafka({
      clientId: 'test',
      brokers: broker.brokers,
      requestTimeout: 100,
      enforceRequestTimeout: true,
      logLevel: kafkajs.logLevel.NOTHING,
    }),
  })) {
    const fault = broker.addFault({ api: 'Metadata', silence: true })
    const admin = kafka.admin({ retry: { retries: 0 } })
    atEnd(t, () => admin.disconnect())
    const late = event(admin, admin.events.REQUEST_TIMEOUT)
    // It may come right later, or not.
    const connecting = admin.connect().then(() => admin.fetchTopicMetadata()).catch(() => {})
    const { createdAt, sentAt, pendingDuration, correlationId, apiVersion, broker: address, ...same } = await late
    assert.ok(sentAt >= createdAt && pendingDuration === sentAt - createdAt && apiVersion >= 0 && correlationId >= 0)
    assert.ok(broker.brokers.includes(address))
    fault.remove()
    await connecting
    told[name] = same
  }
  assert.deepEqual(told.Ottla, told.KafkaJS)
})

test('requests that wait for their connection are counted', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t'] })
  const admin = kafka.admin()
  atEnd(t, () => admin.disconnect())
  await admin.connect()
  const sizes = new Gathered()
  admin.on(admin.events.REQUEST_QUEUE_SIZE, ({ payload }) => {
    assert.deepEqual(names(payload), ['broker', 'clientId', 'queueSize'])
    assert.equal(payload.clientId, 'test')
    sizes.add(payload.queueSize)
  })
  // Whether any has to wait is the machine's affair: asked until one had.
  const signal = AbortSignal.timeout(PATIENCE)
  while (sizes.items.length === 0) {
    signal.throwIfAborted()
    await Promise.all(Array.from({ length: 50 }, () => admin.listGroups()))
  }
  while (sizes.items.at(-1) !== 0) await sizes.count(sizes.items.length + 1)
  assert.ok(Math.max(...sizes.items) > 0)
})

testOnBoth('heartbeats are told when the coordinator has taken them, though handlers call none', async (t, brokers) => {
  const kafka = kafkaOf(brokers)
  const [topic, groupId] = [await topicOf(t, kafka), uniqueName('group')]
  const consumer = await consumerOf(t, kafka, topic, { groupId, heartbeatInterval: 50 })
  const joined = event(consumer, consumer.events.GROUP_JOIN)
  await consumer.run({ eachMessage: async () => {} })
  const { memberId } = await joined
  const beats = new Gathered()
  consumer.on(consumer.events.HEARTBEAT, ({ type, payload }) => beats.add({ type, ...payload }))
  const [first, second] = await beats.count(2)
  assert.deepEqual(first, { type: 'consumer.heartbeat', groupId, memberId, groupGenerationId: 1 })
  assert.deepEqual(second, first)
})

testOnBoth('topics that KafkaJS assigned though nobody here subscribes to them are told and left alone', async (t, brokers) => {
  const clients = both(brokers)
  const kafka = clients.Ottla
  const [mine, other, groupId] = [await topicOf(t, kafka, 2), await topicOf(t, kafka, 2), uniqueName('group')]
  // It leads, and divides all topics that it reads among all members.
  const leader = clients.KafkaJS.consumer({ groupId, heartbeatInterval: 100, maxWaitTimeInMs: 100 })
  atEnd(t, () => leader.disconnect())
  await leader.connect()
  await leader.subscribe({ topics: [mine, other], fromBeginning: true })
  const led = event(leader, leader.events.GROUP_JOIN)
  await leader.run({ eachMessage: async () => {} })
  await led
  const lines = new Gathered()
  const watched = kafkaOf(brokers, { logLevel: logLevel.WARN, logCreator: () => ({ log }) => lines.add(log.message) })
  const consumer = await consumerOf(t, watched, mine, { groupId, heartbeatInterval: 100 })
  const told = event(consumer, consumer.events.RECEIVED_UNSUBSCRIBED_TOPICS)
  const joins = new Gathered()
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joins.add(payload))
  await consumer.run({ eachMessage: async () => {} })
  const { generationId, memberId, assignedTopics, ...same } = await told
  assert.deepEqual(same, { groupId, topicsSubscribed: [mine], topicsNotSubscribed: [other] })
  assert.ok(generationId > 0 && assignedTopics.includes(other))
  const [{ memberAssignment, memberId: joined }] = await joins.count(1)
  assert.equal(memberId, joined)
  // Its share of what it reads, and nothing else.
  assert.deepEqual(Object.keys(memberAssignment), [mine])
  assert.ok(lines.items.includes('Consumer group received unsubscribed topics'), lines.items.join())
})

test('connections that are lost and found are logged', async (t) => {
  const lines = new Gathered()
  const { broker, kafka } = await cluster(t, {}, { logLevel: logLevel.INFO, logCreator: () => ({ log }) => lines.add(log.message) })
  const admin = kafka.admin()
  atEnd(t, () => admin.disconnect())
  await admin.connect()
  broker.stopBroker(1)
  const has = (pattern) => lines.items.some((line) => pattern.test(line))
  const asked = admin.listTopics().catch(() => {})
  while (!has(/^Connection error: /)) await lines.count(lines.items.length + 1)
  broker.restartBroker(1)
  await asked
  // It may have been another connection that answered.
  const signal = AbortSignal.timeout(PATIENCE)
  while (!has(/^Connected again$/)) {
    signal.throwIfAborted()
    await admin.listTopics()
  }
})
