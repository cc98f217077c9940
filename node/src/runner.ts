// What runs between `run` and `stop`: batches are taken one after the other, handed to the program, and counted as consumed.
//
// The core is asked for a batch only when the program is ready for one, so that its own progress is what max.poll.interval.ms
// sees. What the group asks while handlers run is seen to between messages. Partitions are given up once their handlers have come
// to rest.

import { FetchedBatch, Message, offsetText } from './batch'
import { pairs, properties } from './connection'
import { KafkaJSError, KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } from './errors'
import { EVENTS } from './events'
import type { Instrumentation } from './instrumentation'
import type { Logger } from './logger'
import { STALE, WORK, native } from './native'
import { type GroupState, OffsetTracker } from './offsets'
import { Partition, keyOf } from './partition'
import { type Retry, cancellable, isRetriable, nextRetryTime } from './retry'
import type { MessageIterator } from './stream'
import type { ConsumerRunConfig, TopicPartitionOffsetAndMetadata } from './types'

/** The event loop gets its turn after so many messages: settled promises alone would starve it. */
const TURN = 1000
/** For how long `stop` waits for handlers: one that waits for `stop` would never end. */
const STOP_MS = 30000
/** The core joins the group again by itself after it. */
const GOES_ON = new Set(['MaxPollExceeded'])

/** What the program asked of `run`, or a loop that pulls. */
export type RunnerConfig = ConsumerRunConfig & { iterator?: MessageIterator }

/** Where to go on in partitions that are not assigned: offsets by topic and partition. */
export type Seeks = Map<string, string>

export interface RunnerOptions {
  client: number
  groupId: string
  topics: string[]
  fromBeginning: boolean
  /** The properties that the program names itself: they go before what follows from KafkaJS's options. */
  given: Set<string>
  config: RunnerConfig
  paused: Map<string, Set<number> | 'all'>
  seeks: Seeks
  retry: Retry
  logger: Logger
  instrumentation: Instrumentation
  onCrash(e: Error): unknown
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class Runner {
  readonly #options: RunnerOptions
  readonly #offsets: OffsetTracker
  readonly #partitions = new Map<string, Partition>()
  #consumer = -1
  #isRunning = false
  #isServing = false
  #isTaking = false
  #joined: (() => void) | undefined
  #loop: Promise<void> | undefined
  /** Between two attempts. */
  readonly #waits = new Set<{ cancel(): void }>()
  #sinceTurn = 0
  #toldAt = 0
  #joinBegan = Date.now()
  /** Partitions that are being worked on, with several at once. */
  readonly #working = new Set<Promise<void>>()
  #errorsBeforeJoin = 0
  #hasJoined = false

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#offsets = new OffsetTracker({
      groupId: options.groupId,
      config: options.config,
      partitions: this.#partitions,
      instrumentation: options.instrumentation,
      logger: options.logger,
      consumer: () => this.#consumer,
      group: () => this.#group(),
      isRunning: () => this.#isRunning,
      flush: () => this.#flush(),
    })
  }

  get isRunning(): boolean {
    return this.#isRunning
  }

  /** Begins, and waits until the group has assigned something, or until it is stopped. */
  async start(): Promise<void> {
    const { client, topics, fromBeginning, given, config } = this.#options
    const own = properties({
      'auto.offset.reset': fromBeginning ? 'earliest' : 'latest',
      'enable.auto.commit': config.autoCommit ?? true,
      'auto.commit.interval.ms': config.autoCommitInterval ?? undefined,
    })
    for (const name of given) own.delete(name)
    this.#consumer = native.consumerCreate(client, pairs(own), topics)
    native.consumerOnQuestion(this.#consumer, (id, kind, partitions) => {
      try {
        this.#asked(id, kind, partitions)
      } catch (e) {
        // The program's logger threw: the group is not kept waiting for that.
        native.consumerAnswer(this.#consumer, id)
        this.#crash(e as Error)
      }
    })
    this.#isRunning = true
    const joined = new Promise<void>((resolve) => {
      this.#joined = resolve
    })
    this.#loop = this.#run()
    await joined
  }

  async stop(): Promise<void> {
    if (this.#consumer < 0) return
    this.#isRunning = false
    for (const wait of this.#waits) wait.cancel()
    this.#joined?.()
    const late = cancellable(STOP_MS)
    // What waits for a batch ends when the consumer is closed; handlers come to rest first.
    const resting = [...this.#partitions.values()].map((partition) => partition.atRest())
    const working = [...this.#working, this.#isTaking ? undefined : this.#loop]
    await Promise.race([Promise.all([...resting, ...working]), late.elapsed])
    late.cancel()
    this.#flush()
    const consumer = this.#consumer
    try {
      await native.consumerClose(consumer)
    } catch (e) {
      this.#options.logger.error(`The last offsets were not committed: ${(e as Error).message}`, {
        groupId: this.#options.groupId,
      })
    }
    this.#consumer = -1
  }

  async #run(): Promise<void> {
    const concurrency = this.#options.config.partitionsConsumedConcurrently ?? 1
    try {
      while (this.#isRunning) {
        const batch = await this.#take()
        if (batch === undefined) continue
        if (batch === null) return
        const partition = this.#partition(batch.topic, batch.partition)
        if (concurrency <= 1) {
          await this.#process(partition, batch)
        } else {
          this.#dispatch(partition, batch)
          while (this.#isRunning && this.#working.size >= concurrency) await Promise.race(this.#working)
        }
      }
    } catch (e) {
      this.#crash(e as Error)
    } finally {
      if (concurrency > 1) await Promise.allSettled(this.#working)
    }
  }

  /** Once, from wherever it came. */
  #crash(e: Error): void {
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#joined?.()
    // Not awaited: it stops this runner, which waits for its loop.
    queueMicrotask(() => void this.#options.onCrash(e))
  }

  /** Several partitions at once, and of each one batch after the other. */
  #dispatch(partition: Partition, batch: FetchedBatch): void {
    partition.queue.push(batch)
    if (partition.isWorkedOn) {
      // One is enough: others get their turn meanwhile.
      this.#hold(partition, true)
      return
    }
    partition.isWorkedOn = true
    const work = (async () => {
      try {
        for (let next = partition.queue.shift(); next; next = partition.queue.shift()) {
          if (partition.queue.length === 0) this.#hold(partition, false)
          await this.#process(partition, next)
        }
        // Its queue may have been dropped.
        this.#hold(partition, false)
      } catch (e) {
        this.#crash(e as Error)
      } finally {
        partition.isWorkedOn = false
      }
    })()
    this.#working.add(work)
    void work.then(() => this.#working.delete(work))
  }

  /** The next batch; `undefined` if there was an error to go on after, `null` at the end. */
  async #take(): Promise<FetchedBatch | null | undefined> {
    const { instrumentation, logger, groupId } = this.#options
    const began = Date.now()
    instrumentation.emit(EVENTS.FETCH_START, { nodeId: -1 })
    this.#isTaking = true
    try {
      const raw = await native.consumerNext(this.#consumer)
      if (raw === null) return null
      const batch = new FetchedBatch(raw)
      instrumentation.emit(EVENTS.FETCH, { numberOfBatches: 1, duration: Date.now() - began, nodeId: batch.broker })
      return batch
    } catch (e) {
      const error = e as KafkaJSError & { kind?: string }
      if (!this.#isRunning) return null
      if (!error.retriable && !GOES_ON.has(error.kind ?? '')) throw error
      // The core goes on by itself; it tells what does not come right for some time.
      logger.error(error.message, { groupId })
      const { retries, initialRetryTime } = this.#options.retry
      if (!this.#hasJoined && ++this.#errorsBeforeJoin > retries) {
        throw new KafkaJSNumberOfRetriesExceeded(error, { retryCount: retries, retryTime: initialRetryTime })
      }
      return undefined
    } finally {
      this.#isTaking = false
    }
  }

  #partition(topic: string, number: number): Partition {
    const key = keyOf(topic, number)
    let partition = this.#partitions.get(key)
    if (partition === undefined) {
      partition = new Partition(topic, number)
      this.#partitions.set(key, partition)
    }
    return partition
  }

  /** The partitions of a topic that this member has. */
  assigned(topic: string): number[] {
    const all = [...this.#partitions.values()].filter((one) => one.topic === topic && !one.isRevoked)
    return all.map((one) => one.partition).sort((a, b) => a - b)
  }

  #isPaused({ topic, partition }: Partition): boolean {
    const paused = this.#options.paused.get(topic)
    return paused === 'all' || (paused?.has(partition) ?? false)
  }

  applyPaused(topic: string): void {
    for (const partition of this.#partitions.values()) if (partition.topic === topic) this.#applyPaused(partition)
  }

  #applyPaused(partition: Partition): void {
    if (partition.isRevoked || this.#consumer < 0) return
    const isPaused = partition.isHeld || this.#isPaused(partition)
    native.consumerPause(this.#consumer, partition.topic, partition.partition, isPaused)
  }

  /** Has the core hand out no more of a partition whose batches wait for each other. */
  #hold(partition: Partition, isHeld: boolean): void {
    if (partition.isHeld === isHeld) return
    partition.isHeld = isHeld
    this.#applyPaused(partition)
  }

  // What the group asks.

  #asked(id: number, kind: 'assigned' | 'revoked' | 'lost', partitions: [string, number][]): void {
    const { instrumentation, groupId, logger } = this.#options
    const answer = (): void => native.consumerAnswer(this.#consumer, id)
    if (kind === 'assigned') {
      for (const [topic, number] of partitions) {
        // A new one: what was taken under an earlier assignment has nothing to do with it.
        this.#partitions.delete(keyOf(topic, number))
        const partition = this.#partition(topic, number)
        if (this.#isPaused(partition)) native.consumerPause(this.#consumer, topic, number, true)
        const offset = this.#options.seeks.get(keyOf(topic, number))
        if (offset !== undefined) this.seek(topic, number, offset)
      }
      answer()
      this.#hasJoined = true
      this.#tellJoined()
      this.#joined?.()
      return
    }
    this.#joinBegan = Date.now()
    if (this.#isRunning) {
      logger.warn('The group is rebalancing, re-joining', { groupId })
      if (instrumentation.hears(EVENTS.REBALANCING)) {
        instrumentation.emit(EVENTS.REBALANCING, { groupId, memberId: this.#group().memberId })
      }
    }
    const going = partitions.map(([topic, number]) => this.#partition(topic, number))
    for (const partition of going) {
      partition.isStale = true
      partition.isRevoked = true
    }
    const resting = going.map((partition) => partition.atRest()).filter((one) => one !== undefined)
    const gone = (): void => {
      this.#flush()
      for (const partition of going) {
        const key = keyOf(partition.topic, partition.partition)
        if (this.#partitions.get(key) === partition) this.#partitions.delete(key)
      }
      answer()
    }
    // Lost ones are another's already: there is nothing to wait for. Nor is there after `stop`, which has waited.
    if (kind === 'lost' || resting.length === 0 || !this.#isRunning) gone()
    else void Promise.all(resting).then(gone)
  }

  #group(): GroupState {
    const none = { generation: -1, memberId: '', leader: null, assignor: null }
    return this.#consumer < 0 ? none : (native.consumerGroup(this.#consumer) ?? none)
  }

  #tellJoined(): void {
    const { instrumentation, groupId, logger } = this.#options
    const { memberId, leader, assignor } = this.#group()
    const memberAssignment: Record<string, number[]> = {}
    for (const { topic } of this.#partitions.values()) memberAssignment[topic] ??= this.assigned(topic)
    const payload = {
      groupId,
      memberId,
      leaderId: leader ?? '',
      isLeader: leader !== null && leader === memberId,
      memberAssignment,
      groupProtocol: assignor ?? '',
      duration: Date.now() - this.#joinBegan,
    }
    logger.info('Consumer has joined the group', payload)
    instrumentation.emit(EVENTS.GROUP_JOIN, payload)
  }

  /** Sees to what the group asks while handlers run. Who takes batches sees to it too. */
  #serve(): void {
    if (this.#isServing || this.#isTaking || !this.#isRunning) return
    this.#isServing = true
    native
      .consumerServe(this.#consumer)
      .catch((e: KafkaJSError & { kind?: string }) => {
        if (!this.#isRunning) return
        if (e.retriable || GOES_ON.has(e.kind ?? '')) this.#options.logger.error(e.message)
        else this.#crash(e)
      })
      .finally(() => {
        this.#isServing = false
      })
  }

  // Progress.

  /** Tells the core what is done with, and sees to what it has to say. */
  #progress(partition: Partition, batch: FetchedBatch, done: boolean): void {
    const told = native.consumerProgress(this.#consumer, batch.number, partition.resolved, done)
    if (told & STALE) partition.isStale = true
    if (told & WORK) this.#serve()
  }

  /** Tells the core what is done with of everything that is under way. */
  #flush(): void {
    for (const partition of this.#partitions.values()) {
      const { batch } = partition
      if (batch !== undefined) native.consumerProgress(this.#consumer, batch.number, partition.resolved, false)
    }
  }

  commit(offsets: TopicPartitionOffsetAndMetadata[]): Promise<void> {
    return this.#offsets.commit(offsets)
  }

  seek(topic: string, partition: number, offset: string): void {
    const { seeks } = this.#options
    const known = this.#partitions.get(keyOf(topic, partition))
    if (known === undefined || known.isRevoked) {
      // As KafkaJS has it: once it is assigned.
      seeks.set(keyOf(topic, partition), offset)
      return
    }
    seeks.delete(keyOf(topic, partition))
    native.consumerSeek(this.#consumer, topic, partition, offset)
    known.isStale = true
    known.stretch++
    known.resolved = -1
    known.committed = -1
    this.#dropQueue(known)
  }

  /** A batch that nobody handles: the core lets go of it, unconsumed. */
  #drop(batch: FetchedBatch): void {
    if (this.#consumer >= 0) native.consumerProgress(this.#consumer, batch.number, -1, true)
  }

  #dropQueue(partition: Partition): void {
    for (const batch of partition.queue) this.#drop(batch)
    partition.queue.length = 0
  }

  // Handing out.

  async #process(partition: Partition, batch: FetchedBatch): Promise<void> {
    // Stopped meanwhile, or a batch from before a seek or a rebalance: the core tells.
    if (!this.#isRunning || native.consumerProgress(this.#consumer, batch.number, -1, false) & STALE) {
      this.#drop(batch)
      return
    }
    partition.isStale = false
    partition.batch = batch
    if (partition.resolved < 0) partition.committed = partition.resolved = batch.first
    try {
      while (await this.#hand(partition, batch)) {
        // A handler that does nothing must not keep all others waiting.
        await turn()
        this.#progress(partition, batch, false)
      }
    } finally {
      partition.batch = undefined
      const left = partition.resolved < batch.next && !partition.isStale
      this.#progress(partition, batch, true)
      // What is left of the batch comes again: taken, it is not handed out a second time by itself.
      if (left && !partition.isRevoked && this.#isRunning) {
        this.#dropQueue(partition)
        native.consumerSeek(this.#consumer, batch.topic, batch.partition, offsetText(partition.resolved))
      }
    }
  }

  /** Hands out what is not done with of a batch, once. Whether what is left then is to be handed out from here again. */
  async #hand(partition: Partition, batch: FetchedBatch): Promise<boolean> {
    const { instrumentation, config } = this.#options
    const { stretch } = partition
    const isOver = (): boolean => partition.isStale || partition.isRevoked || !this.#isRunning
    let from = 0
    while (from < batch.count && batch.offset(from) < partition.resolved) from++
    if (isOver() || (from > 0 && from === batch.count)) {
      if (!isOver()) this.#offsets.resolve(partition, stretch, batch.next)
      return false
    }
    partition.isTracked = false
    const began = Date.now()
    const told =
      batch.count > 0 &&
      (instrumentation.hears(EVENTS.START_BATCH_PROCESS) || instrumentation.hears(EVENTS.END_BATCH_PROCESS))
        ? batch.process(from)
        : undefined
    if (told) instrumentation.emit(EVENTS.START_BATCH_PROCESS, told)
    let failure: unknown
    let isWhole = false
    try {
      if (config.iterator) isWhole = await this.#eachPulled(partition, batch, from, config.iterator)
      else if (config.eachBatch) isWhole = await this.#eachBatch(partition, batch, from)
      else isWhole = await this.#eachMessage(partition, batch, from)
    } catch (e) {
      failure = e ?? new Error('A handler threw nothing')
    }
    if (isWhole && !failure) this.#offsets.resolve(partition, stretch, batch.next)
    partition.rest()
    if (failure) {
      this.#progress(partition, batch, false)
      await this.#failed(partition, failure)
    } else {
      partition.failures = 0
      partition.retryTime = undefined
      if (told) instrumentation.emit(EVENTS.END_BATCH_PROCESS, { ...told, duration: Date.now() - began })
      if (this.#isRunning) this.#offsets.autoCommit()
    }
    return partition.resolved < batch.next && !isOver() && !this.#isPaused(partition)
  }

  /** A handler threw: again after a while, as often as `retry` says, then the consumer crashes. */
  async #failed(partition: Partition, e: unknown): Promise<void> {
    const { retry } = this.#options
    const error = e instanceof Error ? e : new KafkaJSError(String(e))
    if (this.#isRunning) await this.#offsets.autoCommitBeforeRetry()
    if (!isRetriable(error)) throw new KafkaJSNonRetriableError(error, { cause: error.cause ?? error })
    partition.retryTime = nextRetryTime(retry, partition.retryTime)
    const { failures, retryTime } = partition
    if (failures >= retry.retries) throw new KafkaJSNumberOfRetriesExceeded(error, { retryCount: failures, retryTime })
    partition.failures++
    if (!this.#isRunning) return
    const waiting = cancellable(retryTime)
    this.#waits.add(waiting)
    await waiting.elapsed
    this.#waits.delete(waiting)
  }

  #payloadTools(partition: Partition): { heartbeat(): Promise<void>; pause(): () => void } {
    const { topic, partition: number } = partition
    return {
      heartbeat: async () => this.#heartbeat(partition),
      pause: () => {
        const { paused } = this.#options
        const before = paused.get(topic)
        if (before !== 'all') paused.set(topic, new Set([...(before ?? []), number]))
        this.applyPaused(topic)
        return () => {
          const now = paused.get(topic)
          const left = now === 'all' ? new Set(this.assigned(topic)) : (now ?? new Set<number>())
          left.delete(number)
          if (left.size > 0) paused.set(topic, left)
          else paused.delete(topic)
          if (this.#consumer >= 0) this.applyPaused(topic)
        }
      },
    }
  }

  #heartbeat(partition: Partition): void {
    if (partition.batch !== undefined) this.#progress(partition, partition.batch, false)
    if (partition.isRevoked) {
      const rebalance = new Error('The group is rebalancing: what is left of the batch is another member’s')
      throw new KafkaJSProtocolError(Object.assign(rebalance, { type: 'REBALANCE_IN_PROGRESS', code: 27, retriable: true }))
    }
  }

  /** Hands out message by message; whether all were. */
  async #eachMessage(partition: Partition, batch: FetchedBatch, from: number): Promise<boolean> {
    const eachMessage = this.#options.config.eachMessage
    const { topic, partition: number } = batch
    const { stretch } = partition
    const tools = this.#payloadTools(partition)
    const hasThreshold = Boolean(this.#options.config.autoCommitThreshold ?? this.#options.config.autoCommitInterval)
    for (let i = from; i < batch.count; i++) {
      const offset = batch.offset(i)
      let hasWaited = false
      try {
        const handled = eachMessage?.({
          topic,
          partition: number,
          message: new Message(batch, i),
          heartbeat: tools.heartbeat,
          pause: tools.pause,
        })
        if (isThenable(handled)) {
          partition.isBusy = true
          await handled
          hasWaited = true
        }
      } catch (e) {
        partition.rest()
        if (partition.isRevoked) return false
        this.#logFailure('eachMessage', e, { topic, partition: number, offset: offsetText(offset) })
        throw e
      }
      this.#offsets.resolve(partition, stretch, offset + 1)
      const isTurn = ++this.#sinceTurn >= TURN
      if (hasWaited || isTurn) this.#advanced(partition, batch, isTurn)
      if (isTurn) {
        this.#sinceTurn = 0
        await turn()
      }
      if (hasThreshold) this.#offsets.autoCommitIfDue()
      if (partition.isStale || !this.#isRunning) return false
      if (this.#options.paused.size > 0 && this.#isPaused(partition)) return i === batch.count - 1
    }
    return true
  }

  /** A message is done with, and time may have passed. */
  #advanced(partition: Partition, batch: FetchedBatch, isTurn: boolean): void {
    // Each millisecond at most: a call for each message would cost more than many a handler.
    const now = Date.now()
    if (isTurn || now !== this.#toldAt) {
      this.#toldAt = now
      this.#progress(partition, batch, false)
    }
    partition.rest()
  }

  /** Lets a loop pull message by message; whether it got all. */
  async #eachPulled(
    partition: Partition,
    batch: FetchedBatch,
    from: number,
    iterator: MessageIterator,
  ): Promise<boolean> {
    if (batch.count === 0) return true
    const { stretch } = partition
    // The last one that the loop got, and the last one that is done with.
    let [got, done] = [from - 1, from - 1]
    let isOver = false
    try {
      return await new Promise<boolean>((resolve, reject) => {
        const end = (isWhole: boolean): undefined => {
          isOver = true
          resolve(isWhole)
        }
        const take = (): Message | undefined => {
          if (got > done) {
            done = got
            this.#offsets.resolve(partition, stretch, batch.offset(got) + 1)
            const isTurn = ++this.#sinceTurn >= TURN
            this.#advanced(partition, batch, isTurn)
            if (isTurn) {
              this.#sinceTurn = 0
              void turn().then(() => isOver || iterator.offer(feed))
              return undefined
            }
          }
          if (got === batch.count - 1) return end(true)
          if (partition.isStale || !this.#isRunning) return end(false)
          if (this.#options.paused.size > 0 && this.#isPaused(partition)) return end(false)
          partition.isBusy = true
          return new Message(batch, ++got)
        }
        const interrupt = (e: Error): void => {
          isOver = true
          reject(e)
        }
        const feed = { take, interrupt }
        iterator.offer(feed)
      })
    } catch (e) {
      partition.rest()
      if (partition.isRevoked) return false
      throw e
    }
  }

  /** Hands out the batch as one; whether it counts as a whole. */
  async #eachBatch(partition: Partition, batch: FetchedBatch, from: number): Promise<boolean> {
    const { config } = this.#options
    if (batch.count === 0) return true
    const { stretch } = partition
    const { heartbeat, pause } = this.#payloadTools(partition)
    const last = batch.offset(batch.count - 1)
    try {
      const handled = config.eachBatch?.({
        batch: batch.toBatch(from),
        resolveOffset: (text) => {
          const offset = Number(text)
          partition.isTracked = true
          this.#offsets.resolve(partition, stretch, offset >= last ? batch.next : offset + 1)
        },
        heartbeat,
        pause,
        commitOffsetsIfNecessary: async (offsets) => {
          if (offsets) {
            await this.commit(
              offsets.topics.flatMap(({ topic, partitions }) => partitions.map((one) => ({ topic, ...one }))),
            )
          } else if (this.#offsets.isDue()) {
            await this.#offsets.commitNow()
          }
        },
        uncommittedOffsets: () => this.#offsets.uncommitted(),
        isRunning: () => this.#isRunning,
        // As in KafkaJS: a rebalance is told by `heartbeat`, which throws.
        isStale: () => partition.stretch !== stretch,
      })
      if (isThenable(handled)) {
        partition.isBusy = true
        await handled
      }
    } catch (e) {
      partition.rest()
      if (partition.isRevoked) return false
      this.#logFailure('eachBatch', e, {
        topic: batch.topic,
        partition: batch.partition,
        offset: offsetText(batch.offset(0)),
      })
      throw e
    }
    this.#sinceTurn += batch.count
    if (this.#sinceTurn >= TURN) {
      this.#sinceTurn = 0
      await turn()
    }
    // Who was told to come to an end, and has said what is done with, has done no more than that.
    const isBroken = partition.isStale || partition.isRevoked || !this.#isRunning
    return (config.eachBatchAutoResolve ?? true) && !(isBroken && partition.isTracked)
  }

  #logFailure(name: string, e: unknown, where: object): void {
    if (e instanceof KafkaJSError) return
    const { stack } = (e ?? {}) as Error
    this.#options.logger.error(`Error when calling ${name}`, { ...where, stack, error: e })
  }
}
