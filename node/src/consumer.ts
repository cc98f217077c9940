// KafkaJS's consumer: what a program calls. `runner.ts` is what runs.

import { Connection, properties } from './connection'
import { KafkaJSError, KafkaJSNonRetriableError, notImplemented } from './errors'
import { EVENTS } from './events'
import { describeGroups } from './groups'
import { Instrumentation, type Listener, type RemoveInstrumentationEventListener } from './instrumentation'
import type { Logger } from './logger'
import { native } from './native'
import { keyOf } from './partition'
import { DEFAULT_RETRY, cancellable } from './retry'
import { Runner, type RunnerConfig, type Seeks } from './runner'
import { MessageIterator } from './stream'
import type {
  ConsumerConfig,
  ConsumerRunConfig,
  ConsumerSubscribeTopic,
  ConsumerSubscribeTopics,
  GroupDescription,
  KafkaConfig,
  RetryOptions,
  TopicPartitionOffset,
  TopicPartitionOffsetAndMetadata,
  TopicPartitions,
} from './types'
import type { Message } from './batch'

const NOT_RUNNING = 'Consumer group was not initialized, consumer#run must be called first'
/** How often and how far apart it is looked again for a topic that is not there. */
const [CHECKS, CHECK_MS] = [5, 100]
const MAX_OFFSET = 9223372036854775807n

/**
 * Stands for the native part's assignors of these names, best first: KafkaJS's, so that a group can be shared with its members,
 * and Kafka's, so that it can be shared with any others'.
 */
export const PartitionAssigners = {
  roundRobin: Object.assign(
    (): never => {
      throw notImplemented('Calling an assigner from outside of a group')
    },
    { protocolNames: ['RoundRobinAssigner', 'roundrobin'] },
  ),
}

function offsetOf(offset: unknown): bigint {
  let number: bigint
  try {
    number = BigInt(offset as string)
  } catch {
    throw new KafkaJSNonRetriableError(`Invalid offset, expected a long received ${offset}`)
  }
  if (number > MAX_OFFSET) throw new KafkaJSNonRetriableError(`Invalid offset, expected a long received ${offset}`)
  return number
}

function checkPartition(topic: unknown, partition: unknown): void {
  if (!topic) throw new KafkaJSNonRetriableError(`Invalid topic ${topic}`)
  // As in KafkaJS, whose own calls name them in text.
  const isNumber = typeof partition === 'number' || (typeof partition === 'string' && partition.trim() !== '')
  if (!isNumber || Number.isNaN(Number(partition))) {
    throw new KafkaJSNonRetriableError(`Invalid partition, expected a number received ${partition}`)
  }
}

function checkPartitions(all: { topic: string; partitions?: number[] }[], verb: string): void {
  for (const one of all) {
    if (!one?.topic) throw new KafkaJSNonRetriableError(`Invalid topic ${one?.topic ?? one}`)
    const { partitions } = one
    if (partitions !== undefined && (!Array.isArray(partitions) || partitions.some(Number.isNaN))) {
      throw new KafkaJSNonRetriableError(
        `Array of valid partitions required to ${verb} specific partitions instead of ${partitions}`,
      )
    }
  }
}

function assignors(config: ConsumerConfig): string {
  const assigners = config.partitionAssigners ?? [PartitionAssigners.roundRobin]
  const names = assigners.flatMap((assigner) => (assigner as { protocolNames?: string[] }).protocolNames)
  if (names.length === 0 || names.some((name) => name === undefined)) {
    throw notImplemented('An assigner of the program’s own (partitionAssigners)')
  }
  return names.join(',')
}

/** What a program asked of `run`, and what has become of it. */
export class Consumer {
  readonly events = EVENTS
  readonly #connection: Connection
  readonly #instrumentation: Instrumentation
  readonly #logger: Logger
  readonly #groupId: string
  readonly #mayCreate: boolean
  readonly #retry: Required<Omit<RetryOptions, 'restartOnFailure'>> & Pick<RetryOptions, 'restartOnFailure'>
  readonly #topics = new Map<string, boolean>()
  readonly #given: Set<string>
  readonly #paused = new Map<string, Set<number> | 'all'>()
  readonly #seeks: Seeks = new Map()
  #runner: Runner | undefined
  /** The core's consumer, and what it was told, between `run` and `stop`. */
  #isStarted = false
  #stopping: Promise<void> | undefined
  #restart: { cancel(): void } | undefined
  #iterator: MessageIterator | undefined
  /** Counts how often it was stopped: who crashed before that does not start again. */
  #stops = 0

  /** @internal */
  constructor(kafka: KafkaConfig, config: ConsumerConfig, logger: Logger) {
    const { groupId, sessionTimeout = 30000, heartbeatInterval = 3000 } = config
    if (!groupId) throw new KafkaJSNonRetriableError('Consumer groupId must be a non-empty string.')
    if (heartbeatInterval >= sessionTimeout) {
      throw new KafkaJSNonRetriableError(
        `Consumer heartbeatInterval (${heartbeatInterval}) must be lower than sessionTimeout (${sessionTimeout}). ` +
          'It is recommended to set heartbeatInterval to approximately a third of the sessionTimeout.',
      )
    }
    this.#groupId = groupId
    this.#mayCreate = config.allowAutoTopicCreation ?? true
    this.#retry = { ...DEFAULT_RETRY, ...kafka.retry, ...config.retry }
    this.#logger = logger.namespace('Consumer')
    this.#instrumentation = new Instrumentation('consumer', EVENTS, this.#logger)
    const own = properties({
      'group.id': groupId,
      'partition.assignment.strategy': assignors(config),
      'session.timeout.ms': sessionTimeout,
      'heartbeat.interval.ms': heartbeatInterval,
      // How long the group waits for a member to join again; a handler that takes longer loses its partitions.
      'max.poll.interval.ms':
        config.rebalanceTimeout === undefined ? undefined : Math.max(config.rebalanceTimeout, sessionTimeout),
      'topic.metadata.refresh.interval.ms': config.metadataMaxAge,
      'max.partition.fetch.bytes': config.maxBytesPerPartition,
      'fetch.min.bytes': config.minBytes,
      'fetch.max.bytes': config.maxBytes,
      'fetch.wait.max.ms': config.maxWaitTimeInMs,
      'allow.auto.create.topics': config.allowAutoTopicCreation ?? true,
      'isolation.level': config.readUncommitted ? 'read_uncommitted' : 'read_committed',
      'client.rack': config.rackId || undefined,
      'max.in.flight.requests.per.connection': config.maxInFlightRequests,
    })
    this.#connection = new Connection(kafka, new Map([...own, ...properties(config.properties ?? {})]), this.#instrumentation)
    this.#given = new Set([kafka.properties, config.properties].flatMap((given) => Object.keys(given ?? {})))
    this.#connection.endWith(this)
  }

  logger = (): Logger => this.#logger

  on = <T = any>(event: string, listener: Listener<T>): RemoveInstrumentationEventListener =>
    this.#instrumentation.on(event, listener)

  connect = async (): Promise<void> => {
    await this.#connection.connect()
    this.#instrumentation.emit(EVENTS.CONNECT)
  }

  disconnect = async (): Promise<void> => {
    await this.stop()
    this.#connection.disconnect()
    this.#instrumentation.emit(EVENTS.DISCONNECT)
  }

  subscribe = async (subscription: ConsumerSubscribeTopics | ConsumerSubscribeTopic): Promise<void> => {
    const { topic, topics, fromBeginning = false } = subscription as ConsumerSubscribeTopics & ConsumerSubscribeTopic
    if (this.#isStarted) throw new KafkaJSNonRetriableError('Cannot subscribe to topic while consumer is running')
    if (!topic && !topics) throw new KafkaJSNonRetriableError('Missing required argument "topics"')
    if (topics !== undefined && topics !== null && !Array.isArray(topics)) {
      throw new KafkaJSNonRetriableError('Argument "topics" must be an array')
    }
    const wanted = topics ?? [topic]
    for (const one of wanted) {
      if (typeof one !== 'string' && !(one instanceof RegExp)) {
        throw new KafkaJSNonRetriableError(
          `Invalid topic ${one} (${typeof one}), the topic name has to be a String or a RegExp`,
        )
      }
    }
    // As in KafkaJS: what exists now and matches; what is created later is not joined.
    const client = await this.#connection.connect()
    const existing = wanted.some((one) => one instanceof RegExp) ? await native.adminListTopics(client) : []
    await this.#check(client, wanted.filter((one) => typeof one === 'string'))
    for (const one of wanted) {
      const names = typeof one === 'string' ? [one] : existing.filter((name) => name.search(one) >= 0)
      if (one instanceof RegExp) {
        this.#logger.debug('Subscription based on RegExp', {
          groupId: this.#groupId,
          topicRegExp: String(one),
          matchedTopics: names,
        })
      }
      for (const name of names) this.#topics.set(name, fromBeginning)
    }
    if (new Set(this.#topics.values()).size > 1) {
      throw notImplemented('Subscribing with fromBeginning to some topics and without it to others')
    }
  }

  /** A topic that is not there, and that no broker creates, is refused; one that was made just now may not be known everywhere. */
  async #check(client: number, topics: string[]): Promise<void> {
    for (let left = CHECKS; topics.length > 0; left--) {
      try {
        return await native.adminCheckTopics(client, topics, this.#mayCreate)
      } catch (e) {
        if (left === 0 || (e as { type?: string }).type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw e
        await new Promise((resolve) => setTimeout(resolve, CHECK_MS))
      }
    }
  }

  run = async (config: ConsumerRunConfig = {}): Promise<void> => {
    if (this.#isStarted) {
      this.#logger.warn('consumer#run was called, but the consumer is already running', { groupId: this.#groupId })
      return
    }
    if (config.eachBatch && config.eachMessage) {
      throw new KafkaJSNonRetriableError('Only one of eachMessage and eachBatch can be given to consumer#run')
    }
    if (this.#topics.size === 0) {
      throw new KafkaJSNonRetriableError('The consumer is subscribed to no topic: call consumer#subscribe first')
    }
    this.#isStarted = true
    await this.#start(config)
  }

  async #start(config: ConsumerRunConfig): Promise<void> {
    this.#logger.info('Starting', { groupId: this.#groupId })
    let runner: Runner | undefined
    try {
      const client = await this.#connection.connect()
      if (!this.#isStarted) return
      runner = new Runner({
        client,
        groupId: this.#groupId,
        topics: [...this.#topics.keys()],
        fromBeginning: this.#topics.values().next().value ?? false,
        given: this.#given,
        config,
        paused: this.#paused,
        seeks: this.#seeks,
        retry: this.#retry,
        logger: this.#logger.namespace('Runner'),
        instrumentation: this.#instrumentation,
        onCrash: (e) => this.#crashed(e, config),
      })
      this.#runner = runner
      await runner.start()
    } catch (e) {
      if (runner !== undefined && this.#runner !== runner) return
      if ((e as { kind?: string }).kind === 'Config') {
        this.#isStarted = false
        this.#runner = undefined
        throw e
      }
      await this.#crashed(e as Error, config)
    }
  }

  /** KafkaJS's way to end: disconnected, told, and started again unless that is of no use. */
  async #crashed(e: Error, config: ConsumerRunConfig): Promise<void> {
    const groupId = this.#groupId
    const { retryCount, retryTime } = e as { retryCount?: number; retryTime?: number }
    this.#logger.error(`Crash: ${e.name}: ${e.message}`, { groupId, retryCount, stack: e.stack })
    // Its loop goes on when the consumer is started again.
    const iterator = this.#iterator
    this.#iterator = undefined
    iterator?.interrupt()
    const disconnected = this.disconnect()
    const stops = this.#stops
    const isStopped = (): boolean => this.#stops !== stops || this.#isStarted
    await disconnected.catch((failed: Error) =>
      this.#logger.error(`Caught error when disconnecting the consumer: ${failed.message}`, { groupId }),
    )
    let cause: Error = e
    while (cause.cause instanceof Error) cause = cause.cause
    let restart = e.name === 'KafkaJSNumberOfRetriesExceeded' || (cause as KafkaJSError).retriable === true
    if (restart && this.#retry.restartOnFailure) {
      try {
        restart = await this.#retry.restartOnFailure(e)
      } catch (failed) {
        this.#logger.error(
          'Caught error when invoking user-provided "restartOnFailure" callback. Defaulting to restarting.',
          { error: (failed as Error).message ?? failed, cause: e.message, groupId },
        )
      }
    }
    restart &&= !isStopped()
    this.#instrumentation.emit(EVENTS.CRASH, { error: e, groupId, restart })
    // By the program: who waited for its crash no longer does.
    if (isStopped()) {
      iterator?.end()
      return
    }
    if (!restart) {
      iterator?.fail(e)
      return
    }
    this.#iterator = iterator
    const pause = retryTime || this.#retry.initialRetryTime
    this.#logger.error(`Restarting the consumer in ${pause}ms`, { retryCount, retryTime: pause, groupId })
    this.#isStarted = true
    const waiting = cancellable(pause)
    this.#restart = waiting
    if (await waiting.elapsed) {
      this.#restart = undefined
      await this.#start(config)
    }
  }

  stop = (): Promise<void> => {
    this.#stops++
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#restart?.cancel()
    this.#restart = undefined
    this.#isStarted = false
    const runner = this.#runner
    this.#runner = undefined
    this.#iterator?.end()
    this.#iterator = undefined
    // As in KafkaJS, whose next run knows nothing of them.
    this.#paused.clear()
    this.#seeks.clear()
    if (runner) {
      await runner.stop()
      this.#instrumentation.emit(EVENTS.STOP)
    }
    this.#logger.info('Stopped', { groupId: this.#groupId })
  }

  #checkStarted(): void {
    if (!this.#isStarted) throw new KafkaJSNonRetriableError(NOT_RUNNING)
  }

  commitOffsets = async (offsets: TopicPartitionOffsetAndMetadata[] = []): Promise<void> => {
    for (const { topic, partition, offset, metadata = null } of offsets) {
      checkPartition(topic, partition)
      if (offsetOf(offset) < 0n) throw new KafkaJSNonRetriableError('Offset must not be a negative number')
      if (metadata !== null && typeof metadata !== 'string') {
        throw new KafkaJSNonRetriableError(`Invalid offset metadata, expected string or null, received ${metadata}`)
      }
    }
    if (this.#runner === undefined) throw new KafkaJSNonRetriableError(NOT_RUNNING)
    const numbered = offsets.map((one) => ({ ...one, partition: Number(one.partition) }))
    if (offsets.length > 0) await this.#runner.commit(numbered)
  }

  seek = ({ topic, partition, offset }: TopicPartitionOffset): void => {
    checkPartition(topic, partition)
    const number = offsetOf(offset)
    if (number < -2n) throw new KafkaJSNonRetriableError('Offset must not be a negative number')
    this.#checkStarted()
    // Before it has begun, or has the partition: once it has.
    if (this.#runner === undefined) this.#seeks.set(keyOf(topic, Number(partition)), String(number))
    else this.#runner.seek(topic, Number(partition), String(number))
  }

  pause = (topics: { topic: string; partitions?: number[] }[] = []): void => {
    checkPartitions(topics, 'pause')
    this.#checkStarted()
    for (const { topic, partitions } of topics) {
      const before = this.#paused.get(topic)
      if (partitions === undefined) this.#paused.set(topic, 'all')
      else if (before !== 'all') this.#paused.set(topic, new Set([...(before ?? []), ...partitions]))
      this.#runner?.applyPaused(topic)
    }
  }

  resume = (topics: { topic: string; partitions?: number[] }[] = []): void => {
    checkPartitions(topics, 'resume')
    this.#checkStarted()
    for (const { topic, partitions } of topics) {
      const before = this.#paused.get(topic)
      if (partitions === undefined) this.#paused.delete(topic)
      else if (before !== undefined) {
        const left = before === 'all' ? new Set(this.#runner?.assigned(topic)) : before
        for (const partition of partitions) left.delete(partition)
        if (left.size > 0) this.#paused.set(topic, left)
        else this.#paused.delete(topic)
      }
      this.#runner?.applyPaused(topic)
    }
  }

  paused = (): TopicPartitions[] => {
    const runner = this.#runner
    if (runner === undefined) return []
    return [...this.#paused]
      .map(([topic, paused]) => ({
        topic,
        partitions: runner.assigned(topic).filter((partition) => paused === 'all' || paused.has(partition)),
      }))
      .filter(({ partitions }) => partitions.length > 0)
  }

  describeGroup = async (): Promise<GroupDescription> => {
    const { groups } = await describeGroups(await this.#connection.use(), [this.#groupId])
    return groups[0]
  }

  /**
   * Beyond KafkaJS: `for await (const message of consumer)`. A message counts as consumed when the next one is asked for; the one
   * at which the loop is left does not, since nobody can tell whether it was left by an error.
   */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    if (this.#isStarted) {
      throw new KafkaJSNonRetriableError('The consumer is running already: iterate over it instead of consumer#run')
    }
    const iterator = new MessageIterator(() => this.stop())
    this.#iterator = iterator
    this.run({ iterator } as RunnerConfig).catch((e) => iterator.fail(e as Error))
    return iterator
  }
}

