import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import { KafkaJSNonRetriableError, logLevel } from 'ottla'

import { Gathered, atEnd, cluster, consumerOf, event, kafkaOf, producerOf } from './helper.mjs'

const text = ({ message }) => message.value.toString()

/** So many messages with their numbers as values, in one partition unless more are named. */
async function filled(t, count, options = { topics: ['t:1'] }) {
  const { kafka, broker } = await cluster(t, options)
  const producer = await producerOf(t, kafka)
  const send = (values, topic = 't') =>
    producer.send({ topic, messages: values.map((value) => ({ key: `${value}`, value: `${value}` })) })
  if (count > 0) await send(Array.from({ length: count }, (_, i) => i))
  return { kafka, broker, send }
}

test('a group goes on behind what was consumed', async (t) => {
  const { kafka } = await filled(t, 10)
  const first = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  await first.run({
    eachMessage: async (payload) => {
      got.add(text(payload))
      // Not waited for: that would wait for this very handler.
      if (got.items.length === 4) first.stop()
    },
  })
  await got.count(4)
  await first.disconnect()
  assert.deepEqual(got.items, ['0', '1', '2', '3'])
  const second = await consumerOf(t, kafka, 't')
  const rest = new Gathered()
  await second.run({ eachMessage: (payload) => rest.add(text(payload)) })
  assert.deepEqual(await rest.count(6), ['4', '5', '6', '7', '8', '9'])
})

test('eachBatch: what is resolved counts, and comes no more', async (t) => {
  const { kafka } = await filled(t, 100)
  const consumer = await consumerOf(t, kafka, 't')
  const seen = new Gathered()
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale, uncommittedOffsets }) => {
      assert.deepEqual([batch.topic, batch.partition, batch.isEmpty()], ['t', 0, false])
      assert.equal(batch.highWatermark, '100')
      assert.equal(batch.firstOffset(), batch.messages[0].offset)
      assert.equal(batch.lastOffset(), batch.messages.at(-1).offset)
      assert.equal(batch.offsetLag(), String(99 - Number(batch.lastOffset())))
      assert.ok(isRunning() && !isStale())
      // Ten at a time: the rest comes again.
      for (const message of batch.messages.slice(0, 10)) {
        resolveOffset(message.offset)
        await heartbeat()
      }
      const [{ topic, partitions }] = uncommittedOffsets().topics
      assert.deepEqual([topic, partitions[0].partition], ['t', 0])
      seen.add(batch.messages.slice(0, 10).map((message) => message.value.toString()))
    },
  })
  const chunks = await seen.count(10)
  assert.deepEqual(chunks.flat(), Array.from({ length: 100 }, (_, i) => `${i}`))
})

test('small batches of the log come together', async (t) => {
  const { kafka } = await filled(t, 0)
  const producer = await producerOf(t, kafka)
  for (let i = 0; i < 100; i++) {
    const headers = { i: `${i}`, twice: ['a', `${i}`] }
    await producer.send({ topic: 't', messages: [{ key: `k${i}`, value: 'v'.repeat(i), headers, timestamp: `${1000 + i}` }] })
  }
  const consumer = await consumerOf(t, kafka, 't')
  const batches = new Gathered()
  let seen = 0
  await consumer.run({
    eachBatch: async ({ batch }) => {
      for (const { key, value, headers, timestamp, offset } of batch.messages) {
        const expected = [`k${seen}`, 'v'.repeat(seen), `${seen}`, `a${seen}`, `${1000 + seen}`, `${seen}`]
        assert.deepEqual([`${key}`, `${value}`, `${headers.i}`, headers.twice.join(''), timestamp, offset], expected)
        seen++
      }
      batches.add(batch.messages.length)
      if (seen === 100) batches.add('all')
    },
  })
  while (batches.items.at(-1) !== 'all') await batches.count(batches.items.length + 1)
  assert.ok(batches.items.length < 20, `${batches.items}`)
})

test('instrumentation events', async (t) => {
  const { kafka } = await filled(t, 10)
  const consumer = kafka.consumer({ groupId: 'g' })
  atEnd(t, () => consumer.disconnect())
  const order = []
  for (const name of ['CONNECT', 'GROUP_JOIN', 'START_BATCH_PROCESS', 'END_BATCH_PROCESS', 'STOP', 'DISCONNECT']) {
    consumer.on(consumer.events[name], ({ type, timestamp }) => {
      assert.ok(type === consumer.events[name] && timestamp > 0)
      if (order.at(-1) !== name) order.push(name)
    })
  }
  assert.throws(() => consumer.on('consumer.nothing', () => {}), /Event name should be one of consumer\.events\./)
  const [joined, started, ended, committed, fetched] = [
    event(consumer, consumer.events.GROUP_JOIN),
    event(consumer, consumer.events.START_BATCH_PROCESS),
    event(consumer, consumer.events.END_BATCH_PROCESS),
    event(consumer, consumer.events.COMMIT_OFFSETS),
    event(consumer, consumer.events.FETCH),
  ]
  await consumer.connect()
  await consumer.subscribe({ topic: 't', fromBeginning: true })
  await consumer.run({ eachMessage: () => {} })
  const join = await joined
  assert.deepEqual(
    [join.groupId, join.isLeader, join.leaderId === join.memberId, join.groupProtocol, join.memberAssignment],
    ['g', true, true, 'RoundRobinAssigner', { t: [0] }],
  )
  const batch = { topic: 't', partition: 0, highWatermark: '10', batchSize: 10, firstOffset: '0', lastOffset: '9' }
  const { offsetLag, offsetLagLow, ...start } = await started
  assert.deepEqual([start, offsetLag, offsetLagLow], [batch, '0', '9'])
  assert.ok((await ended).duration >= 0)
  assert.deepEqual((await committed).topics, [{ topic: 't', partitions: [{ partition: 0, offset: '10' }] }])
  assert.ok((await fetched).duration >= 0)
  await consumer.disconnect()
  assert.deepEqual(order, ['CONNECT', 'GROUP_JOIN', 'START_BATCH_PROCESS', 'END_BATCH_PROCESS', 'STOP', 'DISCONNECT'])
})

test('seek, from outside and from within', async (t) => {
  const { kafka } = await filled(t, 10)
  const consumer = await consumerOf(t, kafka, 't')
  assert.throws(() => consumer.seek({ topic: 't', partition: 0, offset: '1' }), /consumer#run must be called first/)
  const got = new Gathered()
  await consumer.run({
    eachMessage: async (payload) => {
      got.add(text(payload))
      if (got.items.length === 3) consumer.seek({ topic: 't', partition: 0, offset: '8' })
    },
  })
  await got.count(5)
  consumer.seek({ topic: 't', partition: 0, offset: '-2' })
  await got.count(15)
  assert.deepEqual(got.items.slice(0, 7), ['0', '1', '2', '8', '9', '0', '1'])
  assert.throws(() => consumer.seek({ topic: 't', partition: 0, offset: 'x' }), /Invalid offset/)
  assert.throws(() => consumer.seek({ topic: 't', partition: 0, offset: '-5' }), /negative/)
})

test('pause and resume: nothing is lost, nothing comes twice', async (t) => {
  const { kafka, send } = await filled(t, 10)
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  let resume
  await consumer.run({
    eachMessage: async (payload) => {
      got.add(text(payload))
      if (got.items.length === 3) resume = payload.pause()
    },
  })
  await got.count(3)
  assert.deepEqual(consumer.paused(), [{ topic: 't', partitions: [0] }])
  await send([10])
  const committed = event(consumer, consumer.events.COMMIT_OFFSETS)
  await Promise.race([committed, new Promise((resolve) => setImmediate(resolve))])
  assert.equal(got.items.length, 3)
  resume()
  assert.deepEqual(consumer.paused(), [])
  await got.count(11)
  consumer.pause([{ topic: 't' }])
  assert.deepEqual(consumer.paused(), [{ topic: 't', partitions: [0] }])
  consumer.resume([{ topic: 't', partitions: [0] }])
  assert.deepEqual(got.items, Array.from({ length: 11 }, (_, i) => `${i}`))
})

test('offsets are committed as the program says', async (t) => {
  const { kafka } = await filled(t, 10)
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  await assert.rejects(consumer.commitOffsets([{ topic: 't', partition: 0, offset: '1' }]), /consumer#run/)
  await consumer.run({ autoCommit: false, eachMessage: async (payload) => got.add(text(payload)) })
  await got.count(10)
  const committed = event(consumer, consumer.events.COMMIT_OFFSETS)
  await consumer.commitOffsets([{ topic: 't', partition: 0, offset: '7', metadata: 'mine' }])
  assert.deepEqual((await committed).topics, [{ topic: 't', partitions: [{ partition: 0, offset: '7' }] }])
  await assert.rejects(consumer.commitOffsets([{ topic: 't', partition: 0, offset: '-1' }]), /negative/)
  await assert.rejects(consumer.commitOffsets([{ topic: 't', partition: 0, offset: 'no' }]), /Invalid offset/)
  await consumer.disconnect()
  const next = await consumerOf(t, kafka, 't')
  const rest = new Gathered()
  await next.run({ eachMessage: async (payload) => rest.add(text(payload)) })
  assert.deepEqual(await rest.count(3), ['7', '8', '9'])
})

test('autoCommitThreshold commits within a batch', async (t) => {
  const { kafka } = await filled(t, 100)
  const consumer = await consumerOf(t, kafka, 't')
  let release
  const held = new Promise((resolve) => (release = resolve))
  atEnd(t, release)
  const committed = event(consumer, consumer.events.COMMIT_OFFSETS)
  await consumer.run({
    autoCommitThreshold: 20,
    eachMessage: async ({ message }) => {
      if (Number(message.offset) === 50) await held
    },
  })
  const { topics } = await committed
  const offset = Number(topics[0].partitions[0].offset)
  assert.ok(offset >= 20 && offset <= 50, `${offset}`)
  release()
})

test('a handler that throws is called again with the same message', async (t) => {
  const { kafka } = await filled(t, 5)
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  let failures = 3
  await consumer.run({
    eachMessage: async (payload) => {
      got.add(text(payload))
      if (text(payload) === '2' && failures-- > 0) throw new Error('not yet')
    },
  })
  assert.deepEqual(await got.count(8), ['0', '1', '2', '2', '2', '2', '3', '4'])
})

test('a handler that always throws crashes the consumer, which starts again', async (t) => {
  const { kafka } = await filled(t, 5)
  const retry = { retries: 2, initialRetryTime: 1 }
  const consumer = await consumerOf(t, kafka, 't', { retry })
  const got = new Gathered()
  let poison = true
  const crashed = event(consumer, consumer.events.CRASH)
  await consumer.run({
    eachMessage: (payload) => {
      if (poison && text(payload) === '2') throw new Error('poison')
      got.add(text(payload))
    },
  })
  const { error, restart, groupId } = await crashed
  assert.deepEqual([error.name, error.message, restart, groupId], ['KafkaJSNumberOfRetriesExceeded', 'poison', true, 'group'])
  assert.deepEqual([error.retryCount, error.cause.message], [2, 'poison'])
  poison = false
  assert.deepEqual(await got.count(5), ['0', '1', '2', '3', '4'])
})

test('eachBatch that throws goes on behind what it resolved', async (t) => {
  const { kafka } = await filled(t, 10)
  const consumer = await consumerOf(t, kafka, 't', { retry: { retries: 1, initialRetryTime: 1 } })
  const got = new Gathered()
  const crashed = event(consumer, consumer.events.CRASH)
  let failures = 4
  await consumer.run({
    eachBatch: async ({ batch, resolveOffset }) => {
      for (const message of batch.messages) {
        if (message.offset === '6' && failures-- > 0) throw new Error('not yet')
        got.add(message.offset)
        resolveOffset(message.offset)
      }
    },
  })
  // As often as `retry` says, then it crashes and starts again.
  const { error, restart } = await crashed
  assert.deepEqual([error.name, restart], ['KafkaJSNumberOfRetriesExceeded', true])
  assert.deepEqual(await got.count(10), Array.from({ length: 10 }, (_, i) => `${i}`))
})

test('what listeners throw is logged, and changes nothing', async (t) => {
  const logged = []
  const { broker } = await filled(t, 0)
  const logCreator = () => ({ log }) => logged.push(log.message)
  const kafka = kafkaOf(broker.brokers, { logLevel: logLevel.ERROR, logCreator })
  const producer = await producerOf(t, kafka)
  await producer.send({ topic: 't', messages: [{ value: '0' }, { value: '1' }] })
  const consumer = await consumerOf(t, kafka, 't')
  const reasons = [new Error('thrown'), undefined, 'a word']
  for (const reason of reasons) {
    consumer.on(consumer.events.GROUP_JOIN, () => {
      throw reason
    })
    consumer.on(consumer.events.END_BATCH_PROCESS, () => Promise.reject(reason))
  }
  const got = new Gathered()
  await consumer.run({ eachMessage: (payload) => got.add(text(payload)) })
  await got.count(2)
  await consumer.disconnect()
  const failed = (what) => logged.filter((message) => message === `Failed to execute listener: ${what}`).length
  assert.deepEqual(['thrown', undefined, 'a word'].map(failed), [2, 2, 2])
})

test('a logger that throws while the group asks holds up nobody', async (t) => {
  const { broker, kafka, send } = await filled(t, 0, { topics: ['t:2'] })
  const logCreator = () => ({ log }) => {
    if (log.message.includes('rebalancing')) throw new Error('the disk is full')
  }
  const clumsy = kafkaOf(broker.brokers, { logLevel: logLevel.WARN, logCreator })
  const retry = { restartOnFailure: async () => false }
  const first = await consumerOf(t, clumsy, 't', { heartbeatInterval: 50, retry })
  const crashed = event(first, first.events.CRASH)
  await first.run({ eachMessage: () => {} })
  const second = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  await second.run({ eachMessage: (payload) => got.add(text(payload)) })
  assert.equal((await crashed).error.message, 'the disk is full')
  await send([0, 1, 2, 3])
  await got.count(4)
})

test('where external memory is forbidden batches are copied', async (t) => {
  const { native } = createRequire(import.meta.url)('../dist/native.js')
  const { kafka } = await filled(t, 0, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  const values = Array.from({ length: 50 }, (_, i) => `${i} `.repeat(5000))
  await producer.send({ topic: 't', messages: values.map((value) => ({ value, headers: { length: `${value.length}` } })) })
  native.forbidExternalMemory(true)
  t.after(() => native.forbidExternalMemory(false))
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  await consumer.run({ eachMessage: ({ message: { value, headers } }) => got.add([`${value}`, `${headers.length}`]) })
  assert.deepEqual(await got.count(values.length), values.map((value) => [value, `${value.length}`]))
})

test('a mistake in the program ends the consumer', async (t) => {
  const { kafka } = await filled(t, 5)
  const consumer = await consumerOf(t, kafka, 't')
  const crashed = event(consumer, consumer.events.CRASH)
  await consumer.run({ eachBatch: async () => undefined.nothing })
  const { error, restart } = await crashed
  assert.deepEqual([error.name, error.cause.name, restart], ['KafkaJSNonRetriableError', 'TypeError', false])
  await consumer.connect()
  const got = new Gathered()
  await consumer.run({ eachMessage: async (payload) => got.add(text(payload)) })
  assert.deepEqual(await got.count(5), ['0', '1', '2', '3', '4'])
})

test('two members share the partitions; one leaves, and nothing is lost', async (t) => {
  const { kafka, send } = await filled(t, 0, { topics: ['t:4'] })
  const got = new Gathered()
  const members = []
  for (const name of ['a', 'b']) {
    const member = await consumerOf(t, kafka, 't')
    members.push(member)
    await member.run({
      partitionsConsumedConcurrently: name === 'a' ? 3 : 1,
      eachMessage: async ({ partition, message }) => {
        // It takes a while, so that it is under way when partitions move.
        await new Promise((resolve) => setImmediate(resolve))
        got.add(`${partition}:${message.offset}`)
      },
    })
  }
  const [a, b] = members
  await send(Array.from({ length: 500 }, (_, i) => i))
  await got.count(100)
  await a.disconnect()
  await send(Array.from({ length: 500 }, (_, i) => i + 500))
  await got.count(1000)
  assert.equal(new Set(got.items).size, 1000, 'each message')
  assert.equal(got.items.length, 1000, 'none twice: each partition was given up behind its last message')
  await b.disconnect()
})

test('heartbeat tells a long handler that the group rebalances; what it resolved is not read again', async (t) => {
  const { kafka } = await filled(t, 100, { topics: ['t:1'] })
  const consumer = await consumerOf(t, kafka, 't', { heartbeatInterval: 50 })
  const [resolved, errors] = [new Gathered(), new Gathered()]
  const rebalancing = event(consumer, consumer.events.REBALANCING)
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, heartbeat, isStale }) => {
      for (const message of batch.messages) {
        if (resolved.items.length === 10 && errors.items.length === 0) {
          // Long enough for another member to come.
          try {
            for (;;) {
              await heartbeat()
              await new Promise((resolve) => setImmediate(resolve))
            }
          } catch (e) {
            // As in KafkaJS: only a seek makes a batch stale.
            assert.ok(!isStale())
            errors.add(e)
            throw e
          }
        }
        resolveOffset(message.offset)
        resolved.add(message.offset)
      }
    },
  })
  await resolved.count(10)
  const other = await consumerOf(t, kafka, 't')
  const joined = event(other, other.events.GROUP_JOIN)
  const runs = other.run({ eachBatch: async ({ batch }) => batch.messages.forEach(({ offset }) => resolved.add(offset)) })
  const [{ type, code, retriable }] = await errors.count(1)
  assert.deepEqual([type, code, retriable], ['REBALANCE_IN_PROGRESS', 27, true])
  assert.equal((await rebalancing).groupId, 'group')
  await runs
  await joined
  const offsets = (await resolved.count(100)).map(Number).sort((a, b) => a - b)
  assert.deepEqual(offsets, offsets.map((_, i) => i), 'each once')
})

test('a cluster whose brokers restart is waited for', async (t) => {
  const { kafka, broker, send } = await filled(t, 10)
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  await consumer.run({ eachMessage: async (payload) => got.add(text(payload)) })
  await got.count(10)
  broker.stopBroker(1)
  const sent = send([10, 11])
  broker.restartBroker(1)
  await sent
  await got.count(12)
  assert.deepEqual([...new Set(got.items)], Array.from({ length: 12 }, (_, i) => `${i}`))
})

test('several partitions at once, each in its order', async (t) => {
  const { kafka, send } = await filled(t, 0, { topics: ['t:4'] })
  await send(Array.from({ length: 400 }, (_, i) => i))
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  let under = 0
  let most = 0
  await consumer.run({
    partitionsConsumedConcurrently: 4,
    eachMessage: async ({ partition, message }) => {
      most = Math.max(most, ++under)
      await new Promise((resolve) => setImmediate(resolve))
      under--
      got.add([partition, Number(message.offset)])
    },
  })
  await got.count(400)
  assert.ok(most > 1 && most <= 4, `${most} at once`)
  for (let partition = 0; partition < 4; partition++) {
    const offsets = got.items.filter(([of]) => of === partition).map(([, offset]) => offset)
    assert.deepEqual(offsets, offsets.map((_, i) => i))
  }
})

test('a handler that fails for good ends the consumer with several partitions at once too', async (t) => {
  const { kafka, send } = await filled(t, 0, { topics: ['t:4'] })
  await send(Array.from({ length: 40 }, (_, i) => i))
  const consumer = await consumerOf(t, kafka, 't')
  const crashed = event(consumer, consumer.events.CRASH)
  await consumer.run({
    partitionsConsumedConcurrently: 4,
    eachMessage: async () => {
      throw new KafkaJSNonRetriableError('for good')
    },
  })
  const { error, restart } = await crashed
  assert.deepEqual([error.message, restart], ['for good', false])
})

test('for await, message by message; the one at which it is left comes again', async (t) => {
  const { kafka } = await filled(t, 10)
  const consumer = await consumerOf(t, kafka, 't')
  const got = []
  for await (const message of consumer) {
    got.push([message.topic, message.partition, message.value.toString()])
    if (got.length === 5) break
  }
  assert.deepEqual(got, [0, 1, 2, 3, 4].map((i) => ['t', 0, `${i}`]))
  const rest = []
  for await (const message of consumer) {
    rest.push(message.value.toString())
    if (rest.length === 6) break
  }
  assert.deepEqual(rest, ['4', '5', '6', '7', '8', '9'])
})

test('for await: partitions come and go, and nothing is lost', async (t) => {
  const { kafka, send } = await filled(t, 0, { topics: ['t:4'] })
  const got = new Gathered()
  const ends = []
  const loop = async (consumer) => {
    for await (const message of consumer) {
      // It takes a while, so that it is under way when partitions move.
      await new Promise((resolve) => setImmediate(resolve))
      got.add(`${message.partition}:${message.offset}`)
    }
  }
  const members = []
  for (let i = 0; i < 2; i++) {
    const member = await consumerOf(t, kafka, 't')
    members.push(member)
    const joined = event(member, member.events.GROUP_JOIN)
    ends.push(loop(member))
    await joined
    await send(Array.from({ length: 2500 }, (_, j) => j))
  }
  await got.count(2500)
  const [first, second] = members
  const alone = event(second, second.events.GROUP_JOIN)
  await first.disconnect()
  await alone
  second.pause([{ topic: 't' }])
  await send(Array.from({ length: 500 }, (_, j) => j))
  second.resume([{ topic: 't' }])
  while (new Set(got.items).size < 5500) await got.count(got.items.length + 1)
  assert.ok(got.items.length <= 5501, 'none twice but the one at which a loop was ended')
  await second.disconnect()
  await Promise.all(ends)
})

test('for await: what the loop throws ends the consumer, and the message comes again', async (t) => {
  const { kafka } = await filled(t, 3)
  const consumer = await consumerOf(t, kafka, 't')
  const loop = async () => {
    for await (const message of consumer) if (message.offset === '1') throw new Error('not this one')
  }
  await assert.rejects(loop(), /not this one/)
  for await (const message of consumer) {
    assert.equal(message.offset, '1')
    break
  }
})

test('subscriptions', async (t) => {
  const { kafka, send } = await filled(t, 0, { topics: ['red-1:1', 'red-2:1', 'blue:1'] })
  const consumer = await consumerOf(t, kafka, /^red-/)
  for (const topic of ['red-1', 'blue', 'red-2']) await send([topic], topic)
  await assert.rejects(consumer.subscribe({ topic: 'blue' }), { name: 'KafkaJSNotImplemented', message: /fromBeginning/ })
  await assert.rejects(consumer.subscribe({}), /Missing required argument/)
  await assert.rejects(consumer.subscribe({ topics: [7] }), /Invalid topic 7/)
  const another = await consumerOf(t, kafka, [/^red-/], { groupId: 'another' })
  const got = new Gathered()
  await another.run({ eachMessage: async (payload) => got.add(text(payload)) })
  assert.deepEqual((await got.count(2)).sort(), ['red-1', 'red-2'])
  await assert.rejects(another.subscribe({ topic: 'blue' }), KafkaJSNonRetriableError)
})

test('without fromBeginning a group begins at the end', async (t) => {
  const { kafka, send } = await filled(t, 5)
  const consumer = await consumerOf(t, kafka, 't', { fromBeginning: false })
  const got = new Gathered()
  const began = event(consumer, consumer.events.FETCH_START)
  await consumer.run({ eachMessage: async (payload) => got.add(text(payload)) })
  await began
  // Where the end is is asked when the group has assigned the partition: what is sent until then may be left out.
  let sent = 5
  const timer = setInterval(() => send([sent++]), 10)
  t.after(() => clearInterval(timer))
  const [first] = await got.count(1)
  clearInterval(timer)
  assert.ok(Number(first) >= 5, first)
})

test('a consumer’s mistakes are told', async (t) => {
  const { kafka } = await cluster(t)
  assert.throws(() => kafka.consumer({}), /groupId must be a non-empty string/)
  assert.throws(() => kafka.consumer({ groupId: 'g', heartbeatInterval: 30000 }), /lower than sessionTimeout/)
  assert.throws(() => kafka.consumer({ groupId: 'g', partitionAssigners: [() => {}] }), { name: 'KafkaJSNotImplemented' })
  const consumer = kafka.consumer({ groupId: 'g' })
  await assert.rejects(consumer.run({ eachMessage: () => {} }), /subscribed to no topic/)
})
