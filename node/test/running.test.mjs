// What a program does while its consumer begins, fails, is stopped and begins again.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Gathered, PATIENCE, atEnd, cluster, consumerOf, event, producerOf, testOnBoth, topicOf, uniqueName, kafkaOf } from './helper.mjs'

/** So many messages in each partition. */
async function filled(t, counts, config = {}) {
  const { kafka, broker } = await cluster(t, { topics: [`t:${counts.length}`] }, config)
  const producer = await producerOf(t, kafka)
  const send = (count, partition) =>
    producer.send({ topic: 't', messages: Array.from({ length: count }, (_, i) => ({ value: `${i}`, partition })) })
  for (const [partition, count] of counts.entries()) if (count > 0) await send(count, partition)
  return { kafka, broker, send }
}

/** What a group has committed, by partition. */
async function committed(kafka, groupId, topic = 't') {
  const admin = kafka.admin()
  await admin.connect()
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] })
  await admin.disconnect()
  return Object.fromEntries(partitions.map(({ partition, offset }) => [partition, offset]))
}

/** Resolved by whoever holds it. */
function gate() {
  let open
  const opened = new Promise((resolve) => {
    open = resolve
  })
  return { open, opened }
}

test('seeking and pausing before anything is assigned', async (t) => {
  const { kafka } = await filled(t, [20, 20])
  const consumer = await consumerOf(t, kafka, 't')
  assert.throws(() => consumer.seek({ topic: 't', partition: 0, offset: '15' }), /consumer#run must be called first/)
  const got = new Gathered()
  const running = consumer.run({ eachMessage: async ({ partition, message }) => got.add(`${partition}:${message.offset}`) })
  // KafkaJS's own advice: right after `run`, which nobody has waited for.
  consumer.seek({ topic: 't', partition: '0', offset: '15' })
  consumer.pause([{ topic: 't', partitions: [1] }])
  await running
  assert.deepEqual(await got.count(5), ['0:15', '0:16', '0:17', '0:18', '0:19'])
  assert.deepEqual(consumer.paused(), [{ topic: 't', partitions: [1] }])
  consumer.resume([{ topic: 't', partitions: [1] }])
  assert.equal((await got.count(25))[5], '1:0')
})

test('what is paused or sought is forgotten when the consumer stops', async (t) => {
  const { kafka } = await filled(t, [3, 3])
  const consumer = await consumerOf(t, kafka, 't')
  const got = new Gathered()
  const config = { eachMessage: async ({ partition, message }) => got.add(`${partition}:${message.offset}`) }
  const first = consumer.run(config)
  consumer.pause([{ topic: 't', partitions: [0] }])
  consumer.seek({ topic: 't', partition: 7, offset: '1' })
  await first
  assert.deepEqual(await got.count(3), ['1:0', '1:1', '1:2'])
  await consumer.stop()
  assert.deepEqual(consumer.paused(), [])
  await consumer.run(config)
  assert.deepEqual((await got.count(6)).slice(3), ['0:0', '0:1', '0:2'])
})

testOnBoth('a handler that looks whether it is stale loses nothing to a rebalance', async (t, brokers) => {
  const kafka = kafkaOf(brokers)
  const [topic, groupId] = [await topicOf(t, kafka, 2), uniqueName('group')]
  const producer = await producerOf(t, kafka)
  const messages = Array.from({ length: 400 }, (_, i) => ({ value: `${i}`, partition: i % 2 }))
  await producer.send({ topic, messages })
  const [seen, beganSecond] = [new Gathered(), gate()]
  const all = () => new Set(seen.items).size
  const member = async (name) => {
    const consumer = await consumerOf(t, kafka, topic, { groupId, heartbeatInterval: 50 })
    const running = consumer.run({
      eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
        for (const { offset } of batch.messages) {
          if (!isRunning() || isStale()) break
          // The first one is in the middle of a batch when the second one comes.
          if (name === 'first' && all() === 20) {
            beganSecond.open()
            for (let i = 0; i < 300; i++) {
              await heartbeat()
              await new Promise((resolve) => setTimeout(resolve, 10))
            }
          }
          seen.add(`${batch.partition}:${offset}`)
          resolveOffset(offset)
          await heartbeat()
        }
      },
    })
    return { consumer, running }
  }
  await member('first')
  await beganSecond.opened
  await member('second')
  while (all() < 400) await seen.count(seen.items.length + 1)
})

test('a handler that breaks off when it is told to stop has done what it resolved', async (t) => {
  const { kafka } = await filled(t, [100])
  const consumer = await consumerOf(t, kafka, 't', { groupId: 'g' })
  const [ten, stopped] = [gate(), gate()]
  await consumer.run({
    eachBatch: async ({ batch, resolveOffset, isRunning }) => {
      for (const { offset } of batch.messages) {
        if (!isRunning()) break
        resolveOffset(offset)
        if (offset === '9') {
          ten.open()
          await stopped.opened
        }
      }
    },
  })
  await ten.opened
  const stopping = consumer.stop()
  stopped.open()
  await stopping
  assert.deepEqual(await committed(kafka, 'g'), { 0: '10' })
})

test('no handler begins once the consumer is told to stop, and stop waits for all', async (t) => {
  const { kafka, send } = await filled(t, [1, 1])
  const consumer = await consumerOf(t, kafka, 't', { groupId: 'g' })
  const [began, let1, let2] = [new Gathered(), gate(), gate()]
  let under = 0
  await consumer.run({
    partitionsConsumedConcurrently: 3,
    eachBatch: async ({ batch }) => {
      under++
      began.add(`${batch.partition}:${batch.firstOffset()}`)
      await (batch.partition === 0 ? let2 : let1).opened
      under--
    },
  })
  await began.count(2)
  // It waits behind the one that is under way in its partition.
  const fetched = event(consumer, consumer.events.FETCH)
  await send(1, 1)
  await fetched
  const stopping = consumer.stop()
  let1.open()
  await new Promise((resolve) => setImmediate(resolve))
  let2.open()
  await stopping
  assert.deepEqual([began.items.sort(), under], [['0:0', '1:0'], 0])
  assert.deepEqual(await committed(kafka, 'g'), { 0: '1', 1: '1' })
})

test('batches that wait for their partition are let go of when it is sought in', async (t) => {
  const { kafka } = await cluster(t, { topics: ['t:1'] })
  const producer = await producerOf(t, kafka)
  for (let i = 0; i < 20; i++) await producer.send({ topic: 't', messages: [{ value: Buffer.alloc(900_000, i) }] })
  const consumer = await consumerOf(t, kafka, 't', { maxWaitTimeInMs: 10 })
  const megabytes = () => process.memoryUsage().rss / 1e6
  let [rounds, before] = [0, 0]
  const done = gate()
  await consumer.run({
    partitionsConsumedConcurrently: 4,
    eachBatch: async ({ batch }) => {
      // Time for others to queue up behind this one.
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (++rounds === 10) before = megabytes()
      if (rounds < 50) consumer.seek({ topic: 't', partition: batch.partition, offset: '0' })
      else done.open()
    },
  })
  await done.opened
  // Each round took some 3 MB, 120 in all, when they were not let go of.
  assert.ok(megabytes() < before + 60, `${before} MB became ${megabytes()}`)
})

test('one that fails for ever beside one that does well crashes the consumer', async (t) => {
  const { kafka, send } = await filled(t, [1, 0])
  const consumer = await consumerOf(t, kafka, 't', { retry: { retries: 3, initialRetryTime: 5, restartOnFailure: async () => false } })
  const crashed = event(consumer, consumer.events.CRASH)
  let isCrashed = false
  crashed.then(() => (isCrashed = true))
  let tries = 0
  await consumer.run({
    partitionsConsumedConcurrently: 2,
    eachMessage: async ({ partition }) => {
      if (partition === 0) {
        tries++
        throw new Error('poison')
      }
    },
  })
  while (!isCrashed) await send(1, 1)
  const { error } = await crashed
  assert.deepEqual([error.name, tries], ['KafkaJSNumberOfRetriesExceeded', 4])
})

test('each of many partitions may fail', async (t) => {
  const { kafka } = await filled(t, Array(8).fill(1))
  const consumer = await consumerOf(t, kafka, 't', { retry: { retries: 3, initialRetryTime: 5 } })
  const [failed, well] = [new Set(), new Gathered()]
  let crashes = 0
  consumer.on(consumer.events.CRASH, () => crashes++)
  await consumer.run({
    partitionsConsumedConcurrently: 8,
    eachMessage: async ({ partition }) => {
      if (!failed.has(partition)) {
        failed.add(partition)
        throw new Error('once')
      }
      well.add(partition)
    },
  })
  await well.count(8)
  assert.equal(crashes, 0)
})

test('stopping ends all waits between attempts', async (t) => {
  const { kafka } = await filled(t, [1, 1])
  const consumer = await consumerOf(t, kafka, 't', { retry: { retries: 3, initialRetryTime: 10 * PATIENCE, maxRetryTime: 20 * PATIENCE } })
  const tried = new Gathered()
  await consumer.run({
    partitionsConsumedConcurrently: 2,
    eachMessage: async ({ partition }) => {
      tried.add(partition)
      throw new Error('no')
    },
  })
  await tried.count(2)
  await consumer.disconnect()
})

test('messages count for the threshold, not how often they are resolved', async (t) => {
  const { kafka } = await filled(t, [100])
  const consumer = await consumerOf(t, kafka, 't', { groupId: 'g' })
  const done = gate()
  await consumer.run({
    autoCommitThreshold: 20,
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
      resolveOffset(batch.messages[49].offset)
      await commitOffsetsIfNecessary()
      done.open(await committed(kafka, 'g'))
      throw Object.assign(new Error('enough'), { retriable: false })
    },
  })
  assert.deepEqual(await done.opened, { 0: '50' })
})

test('a consumer that the program disconnects does not come back from a crash', async (t) => {
  const { kafka } = await filled(t, [1])
  const [asked, answered] = [gate(), gate()]
  const retry = {
    retries: 0,
    initialRetryTime: 1,
    restartOnFailure: () => {
      asked.open()
      return answered.opened
    },
  }
  const consumer = await consumerOf(t, kafka, 't', { retry })
  let calls = 0
  const crashed = event(consumer, consumer.events.CRASH)
  await consumer.run({
    eachMessage: async () => {
      calls++
      throw new Error('no')
    },
  })
  await asked.opened
  await consumer.disconnect()
  answered.open(true)
  assert.equal((await crashed).restart, false)
  await consumer.connect()
  assert.equal(calls, 1)
  assert.deepEqual(consumer.paused(), [])
  assert.throws(() => consumer.seek({ topic: 't', partition: 0, offset: '0' }), /consumer#run must be called first/)
})

test('a listener of CRASH that stops the consumer has it stay so', async (t) => {
  const { kafka } = await filled(t, [1])
  const consumer = await consumerOf(t, kafka, 't', { retry: { retries: 0, initialRetryTime: 1 } })
  const crashed = new Promise((resolve) => {
    consumer.on(consumer.events.CRASH, async ({ payload }) => resolve([payload.restart, await consumer.stop()]))
  })
  await consumer.run({
    eachMessage: async () => {
      throw new Error('no')
    },
  })
  assert.deepEqual(await crashed, [true, undefined])
  assert.throws(() => consumer.pause([{ topic: 't' }]), /consumer#run must be called first/)
})

test('a partition whose handler is slow keeps no others waiting', async (t) => {
  const { kafka, send } = await filled(t, [0, 0, 0, 0])
  // Batches of their own.
  for (let i = 0; i < 10; i++) for (let partition = 0; partition < 4; partition++) await send(1, partition)
  const consumer = await consumerOf(t, kafka, 't')
  const [slow, got, slowGot] = [gate(), new Gathered(), new Gathered()]
  await consumer.run({
    partitionsConsumedConcurrently: 4,
    eachMessage: async ({ partition, message }) => {
      if (partition !== 0) return got.add(`${partition}:${message.offset}`)
      await slow.opened
      slowGot.add(message.offset)
    },
  })
  await got.count(30)
  await send(1, 2)
  await got.count(31)
  slow.open()
  assert.deepEqual(await slowGot.count(10), Array.from({ length: 10 }, (_, i) => `${i}`))
})

test('what failed, and what is left of a batch, comes again without a fetch', async (t) => {
  const { kafka, broker } = await cluster(t, { topics: ['t:1'], journal: 10000 })
  const producer = await producerOf(t, kafka)
  await producer.send({ topic: 't', messages: Array.from({ length: 100 }, (_, i) => ({ value: `${i}` })) })
  // A fetch that finds nothing would take longer than the test may.
  const consumer = await consumerOf(t, kafka, 't', { maxWaitTimeInMs: 2 * PATIENCE, retry: { initialRetryTime: 1 } })
  const [firsts, starts] = [new Gathered(), new Gathered()]
  consumer.on(consumer.events.START_BATCH_PROCESS, ({ payload }) => starts.add([payload.firstOffset, payload.batchSize]))
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset }) => {
      firsts.add(batch.firstOffset())
      for (const { offset } of batch.messages.slice(0, 10)) resolveOffset(offset)
      if (firsts.items.length === 3) throw new Error('once')
    },
  })
  assert.deepEqual(await firsts.count(10), ['0', '10', '20', '30', '40', '50', '60', '70', '80', '90'])
  assert.deepEqual(starts.items.slice(0, 2), [['0', 100], ['10', 90]])
  assert.ok(broker.requests('Fetch') <= 4, `${broker.requests('Fetch')} requests`)
})

test('a handler that pauses its partition and throws is called again when that is resumed', async (t) => {
  const { kafka } = await filled(t, [5])
  const consumer = await consumerOf(t, kafka, 't', { retry: { initialRetryTime: 1 } })
  const got = new Gathered()
  const paused = gate()
  await consumer.run({
    eachMessage: async ({ message, pause }) => {
      got.add(message.offset)
      if (got.items.length === 3) {
        paused.open(pause())
        throw new Error('later')
      }
    },
  })
  const resume = await paused.opened
  assert.deepEqual(consumer.paused(), [{ topic: 't', partitions: [0] }])
  assert.deepEqual(got.items, ['0', '1', '2'])
  resume()
  assert.deepEqual(await got.count(6), ['0', '1', '2', '2', '3', '4'])
})
