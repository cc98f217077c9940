import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Broker } from 'ottla/testing'

import { atEnd, cluster, producerOf, readAll } from './helper.mjs'

test('brokers stop, start again and lose their leaders under a producer', async (t) => {
  const { kafka, broker } = await cluster(t, { brokers: 3, journal: 1000 })
  const admin = kafka.admin()
  await admin.connect()
  atEnd(t, () => admin.disconnect())
  await admin.createTopics({ topics: [{ topic: 't', numPartitions: 1, replicationFactor: 3 }] })
  const producer = await producerOf(t, kafka)
  const send = (value) => producer.send({ topic: 't', messages: [{ value }] })
  await send('0')
  const leader = async () => (await admin.fetchTopicMetadata({ topics: ['t'] })).topics[0].partitions[0].leader
  const first = await leader()
  broker.stopBroker(first)
  await send('1')
  const second = await leader()
  assert.notEqual(second, first)
  broker.restartBroker(first)
  broker.moveLeader('t', 0, first)
  await send('2')
  assert.ok(broker.requests('Produce') >= 3)
  const got = await readAll(t, kafka, 't', 3)
  assert.deepEqual(got.map(({ message }) => message.value.toString()), ['0', '1', '2'])
})

test('faults strike, are counted and removed, and wrong words are told', async (t) => {
  const { kafka, broker } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  const send = () => producer.send({ topic: 't', messages: [{ value: 'v' }] })
  await send()
  const closes = broker.addFault({ api: 'Produce', topic: 't', close: true, times: 1 })
  await send()
  assert.equal(closes.hits, 1)
  assert.deepEqual([closes.remove(), closes.remove()], [true, false])
  const delays = broker.addFault({ api: 'Produce', delayMs: 1 })
  broker.clearFaults()
  assert.equal(delays.remove(), false)
  assert.throws(() => broker.addFault({ api: 'Produce' }), /one effect/)
  assert.throws(() => broker.addFault({ api: 'Nothing', close: true }), /Nothing/)
  await assert.rejects(Broker.start({ properties: { 'no.such.property': 1 } }), /no\.such\.property/)
  broker.createTopic('another', 2)
  await broker.stop()
  assert.throws(() => broker.createTopic('late'), /stopped/)
})

test('what is left of a broker that was stopped does nothing to another', async (t) => {
  const first = await Broker.start({ topics: ['a:1'] })
  const old = first.addFault({ api: 'Metadata', error: 5, times: 1 })
  await first.stop()
  const { broker, kafka } = await cluster(t, { topics: ['b:1'] })
  const fault = broker.addFault({ api: 'Produce', error: 6, times: 3 })
  assert.throws(() => old.remove(), /stopped/)
  assert.throws(() => first.createTopic('evil', 1), /stopped/)
  assert.ok(fault.remove())
  const admin = kafka.admin()
  atEnd(t, () => admin.disconnect())
  await admin.connect()
  assert.deepEqual(await admin.listTopics(), ['b'])
})
