// KafkaJS and this package beside each other: members of one group, keys on the same partitions. What a program moves over by.

import assert from 'node:assert/strict'

import kafkajs from 'kafkajs'
import { AssignerProtocol, Partitioners } from 'ottla'

import { Gathered, PATIENCE, atEnd, kafkaOf, producerOf, readAll, testOnBoth, topicOf, uniqueName } from './helper.mjs'

const PARTITIONS = 6

/** The group once it is at rest: a member that runs KafkaJS may join again right after it has joined. */
async function atRest(t, kafka, groupId) {
  const admin = kafka.admin()
  await admin.connect()
  const signal = AbortSignal.timeout(PATIENCE)
  for (;;) {
    signal.throwIfAborted()
    const { groups } = await admin.describeGroups([groupId])
    if (groups[0].state === 'Stable') {
      await admin.disconnect()
      return groups[0]
    }
  }
}

for (const first of ['KafkaJS', 'Ottla']) {
  testOnBoth(`a group of KafkaJS and Ottla that ${first} leads`, async (t, brokers) => {
    const ottla = kafkaOf(brokers)
    const clients = { Ottla: ottla, KafkaJS: new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }) }
    const [topic, groupId] = [await topicOf(t, ottla, PARTITIONS), uniqueName('group')]
    const got = new Gathered()
    const read = (name) => got.items.filter((item) => item.name === name).map(({ where }) => where)
    const all = () => new Set(got.items.map(({ where }) => where))
    const join = async (name) => {
      const consumer = clients[name].consumer({ groupId, heartbeatInterval: 100, maxWaitTimeInMs: 100 })
      atEnd(t, () => consumer.disconnect())
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      const joins = new Gathered()
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joins.add(payload))
      await consumer.run({
        eachMessage: async ({ partition, message }) => got.add({ name, where: `${partition}:${message.offset}` }),
      })
      /** Waits until it has so many partitions. */
      const has = async (count) => {
        for (let seen = 1; ; seen++) {
          const last = (await joins.count(seen)).at(-1)
          if (last.memberAssignment[topic]?.length === count) return last
        }
      }
      return { consumer, has }
    }
    const leader = await join(first)
    const { isLeader, groupProtocol } = await leader.has(PARTITIONS)
    assert.deepEqual([isLeader, groupProtocol], [true, 'RoundRobinAssigner'])
    const follower = await join(first === 'Ottla' ? 'KafkaJS' : 'Ottla')
    await Promise.all([leader.has(PARTITIONS / 2), follower.has(PARTITIONS / 2)])
    const { members, protocol } = await atRest(t, ottla, groupId)
    assert.equal(protocol, 'RoundRobinAssigner')
    const { MemberAssignment, MemberMetadata } = AssignerProtocol
    const told = members.map(({ memberAssignment }) => MemberAssignment.decode(memberAssignment).assignment[topic])
    assert.deepEqual(told.flat().sort(), [0, 1, 2, 3, 4, 5])
    assert.deepEqual(told.map((partitions) => partitions.length), [3, 3])
    for (const { memberMetadata } of members) {
      assert.deepEqual(MemberMetadata.decode(memberMetadata).topics, [topic])
    }

    const producer = await producerOf(t, ottla)
    const send = () =>
      producer.send({
        topic,
        messages: Array.from({ length: 600 }, (_, i) => ({ value: `${i}`, partition: i % PARTITIONS })),
      })
    await send()
    while (all().size < 600) await got.count(got.items.length + 1)
    assert.ok(read('KafkaJS').length > 0 && read('Ottla').length > 0)
    // The other one has all when the leader goes.
    await leader.consumer.disconnect()
    await follower.has(PARTITIONS)
    await send()
    while (all().size < 1200) await got.count(got.items.length + 1)
    await follower.consumer.disconnect()
    assert.equal(new Set(read('Ottla')).size, read('Ottla').length, 'none twice')
  })
}

for (const name of ['DefaultPartitioner', 'LegacyPartitioner']) {
  testOnBoth(`10,000 keys on the partitions where KafkaJS’s ${name} puts them`, async (t, brokers) => {
    const [kafka, partitions] = [kafkaOf(brokers), 17]
    const topic = await topicOf(t, kafka, partitions)
    const producer = await producerOf(t, kafka, { createPartitioner: Partitioners[name] })
    let state = 1
    const byte = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 24
    }
    const keys = Array.from({ length: 10000 }, (_, i) => Buffer.from(Array.from({ length: i % 41 }, byte)))
    await producer.send({ topic, messages: keys.map((key, i) => ({ key, value: `${i}` })) })
    const theirs = kafkajs.Partitioners[name]()
    const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ partitionId, leader: 1 }))
    for (const { partition, message } of await readAll(t, kafka, topic, keys.length)) {
      const key = keys[Number(message.value.toString())]
      assert.equal(partition, theirs({ topic, partitionMetadata, message: { key } }), `key ${key.toString('hex')}`)
    }
  })
}
