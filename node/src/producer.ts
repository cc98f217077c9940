// KafkaJS's producer.

import type { Transaction } from './clients'
import { Connection, pairs, properties } from './connection'
import { KafkaJSError, KafkaJSNonRetriableError, notImplemented } from './errors'
import { Instrumentation, type Listener, type RemoveInstrumentationEventListener } from './instrumentation'
import type { Logger } from './logger'
import { native } from './native'
import { Pack, checkMessage } from './pack'
import { isBuiltIn } from './partitioners'
import {
  CompressionTypes,
  type KafkaConfig,
  type Message,
  type PartitionMetadata,
  type PartitionerArgs,
  type ProducerBatch,
  type ProducerConfig,
  type ProducerRecord,
  type RecordMetadata,
  type TopicMessages,
} from './types'

const EVENTS = {
  CONNECT: 'producer.connect',
  DISCONNECT: 'producer.disconnect',
  REQUEST: 'producer.network.request',
  REQUEST_TIMEOUT: 'producer.network.request_timeout',
  REQUEST_QUEUE_SIZE: 'producer.network.request_queue_size',
} as const

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
/** So many messages cross at once; fewer wait for the end of the tick, so that sends of one tick cross together. */
const CROSS_AT_ONCE = 1000
/** As do so many bytes: what gathers stays small. */
const CROSS_BYTES = 4 << 20
/** What the core takes as `request.timeout.ms`, for which it also waits: less than a second would give up too early. */
const [SHORTEST_TIMEOUT, LONGEST_TIMEOUT] = [1000, 900000]

interface Pending {
  resolve(written: RecordMetadata[]): void
  reject(e: Error): void
}

/** The core's producer for one choice of acks, compression and timeout. */
class Lane {
  readonly #topics = new Map<string, number>()
  readonly #names: string[] = []
  readonly #pending: (Pending | undefined)[] = []
  readonly #free: number[] = []
  readonly #pack = new Pack()
  #isScheduled = false
  readonly #acknowledged: boolean

  constructor(
    readonly id: number,
    acks: number,
  ) {
    this.#acknowledged = acks !== 0
    native.producerOnSettled(id, (table, errors) => this.#settled(table, errors))
  }

  topic(name: string): number {
    let at = this.#topics.get(name)
    if (at === undefined) {
      at = native.producerTopic(this.id, name)
      this.#topics.set(name, at)
      this.#names[at] = name
    }
    return at
  }

  send(topic: string, messages: Message[], partitions?: number[]): Promise<RecordMetadata[]> {
    const at = this.topic(topic)
    const id = this.#free.pop() ?? this.#pending.length
    try {
      this.#pack.add(id, topic, at, messages, partitions)
    } catch (e) {
      this.#free.push(id)
      // Its place stays empty until it is used.
      if (id === this.#pending.length) this.#pending.push(undefined)
      throw e
    }
    const promise = new Promise<RecordMetadata[]>((resolve, reject) => {
      this.#pending[id] = { resolve, reject }
    })
    if (this.#pack.messages >= CROSS_AT_ONCE || this.#pack.size >= CROSS_BYTES) {
      this.flush()
    } else if (!this.#isScheduled) {
      this.#isScheduled = true
      process.nextTick(() => {
        this.#isScheduled = false
        this.flush()
      })
    }
    return promise
  }

  flush(): void {
    const pack = this.#pack
    if (pack.tableLength === 0) return
    try {
      native.producerSend(this.id, pack.text, pack.text.length, pack.table, pack.tableLength, pack.bytes)
    } catch (e) {
      this.rejectAll(e as Error)
    } finally {
      pack.clear()
    }
  }

  #settled(table: Float64Array, errors: Error[]): void {
    let at = 0
    let error = 0
    while (at < table.length) {
      const id = table[at]
      const partitions = table[at + 1]
      at += 2
      const pending = this.#pending[id]
      this.#pending[id] = undefined
      this.#free.push(id)
      if (partitions < 0) {
        pending?.reject(errors[error++])
        continue
      }
      const written: RecordMetadata[] = []
      for (let i = 0; i < partitions; i++, at += 4) {
        if (!this.#acknowledged) continue
        written.push({
          topicName: this.#names[table[at]],
          partition: table[at + 1],
          errorCode: 0,
          baseOffset: String(table[at + 2]),
          logAppendTime: String(table[at + 3]),
        })
      }
      pending?.resolve(written)
    }
  }

  rejectAll(e: Error): void {
    for (let id = 0; id < this.#pending.length; id++) {
      const pending = this.#pending[id]
      if (pending === undefined) continue
      this.#pending[id] = undefined
      this.#free.push(id)
      pending.reject(e)
    }
  }

  /** Waits until all is delivered, or given up. */
  async close(): Promise<void> {
    this.flush()
    try {
      await native.producerClose(this.id)
    } finally {
      this.rejectAll(new KafkaJSError('The producer was disconnected before the messages were acknowledged'))
    }
  }
}

const lanes = new Set<Lane>()

/** All of a producer's lanes; throws what the first has to say that could not deliver everything. */
async function closeAll(own: Map<string, Lane>): Promise<void> {
  const all = [...own.values()]
  own.clear()
  const closed = await Promise.allSettled(all.map((lane) => lane.close()))
  for (const lane of all) lanes.delete(lane)
  const failed = closed.find((one) => one.status === 'rejected')
  if (failed) throw failed.reason
}

process.on('exit', () => {
  for (const lane of lanes) lane.flush()
  if (lanes.size === 0) return
  const lost = native.flushAtExit()
  if (lost > 0) {
    const hint = 'await producer.disconnect() first, or raise exit.timeout.ms'
    process.stderr.write(`ottla: the process ended with ${lost} messages unsent: ${hint}\n`)
  }
})

function checkMessages(topic: unknown, messages: unknown): void {
  if (!topic) throw new KafkaJSNonRetriableError('Invalid topic')
  if (typeof topic !== 'string') throw new KafkaJSNonRetriableError(`Invalid topic ${topic}: a string is expected`)
  if (!Array.isArray(messages)) {
    throw new KafkaJSNonRetriableError(`Invalid messages array [${messages}] for topic "${topic}"`)
  }
}

export class Producer {
  readonly events = EVENTS
  readonly #connection: Connection
  readonly #instrumentation: Instrumentation
  readonly #logger: Logger
  readonly #config: ProducerConfig
  readonly #lanes = new Map<string, Lane>()
  /** Most sends choose as the one before. */
  #last: { acks: number; timeout: number | undefined; compression: CompressionTypes; lane: Lane } | undefined
  readonly #partition: ((args: PartitionerArgs) => number) | undefined
  readonly #metadata = new Map<string, { partitions: PartitionMetadata[]; until: number }>()
  #state: 'disconnected' | 'connected' | 'disconnecting' = 'disconnected'
  #disconnecting: Promise<void> | undefined

  /** @internal */
  constructor(kafka: KafkaConfig, config: ProducerConfig, logger: Logger) {
    if (config.transactionalId !== undefined) throw notImplemented('The option "transactionalId" of a producer')
    if (config.idempotent && config.retry?.retries !== undefined && config.retry.retries < 1) {
      throw new KafkaJSNonRetriableError(
        'Idempotent producer must allow retries to protect against transient errors',
      )
    }
    this.#config = config
    this.#logger = logger.namespace('Producer')
    this.#instrumentation = new Instrumentation('producer', EVENTS, this.#logger)
    this.#partition = isBuiltIn(config.createPartitioner) ? undefined : config.createPartitioner?.()
    const own = properties({
      'linger.ms': 0,
      'topic.metadata.refresh.interval.ms': config.metadataMaxAge,
      'allow.auto.create.topics': config.allowAutoTopicCreation,
      'max.in.flight.requests.per.connection': config.maxInFlightRequests,
    })
    this.#connection = new Connection(kafka, new Map([...own, ...properties(config.properties ?? {})]), this.#instrumentation)
    const all = this.#lanes
    this.#connection.endWith(this, () => closeAll(all))
  }

  connect = async (): Promise<void> => {
    await this.#disconnecting
    await this.#connection.connect()
    this.#state = 'connected'
    this.#instrumentation.emit(EVENTS.CONNECT)
  }

  disconnect = (): Promise<void> => {
    this.#disconnecting ??= this.#disconnect().finally(() => {
      this.#disconnecting = undefined
    })
    return this.#disconnecting
  }

  async #disconnect(): Promise<void> {
    if (this.#state === 'disconnected') return
    this.#state = 'disconnecting'
    this.#last = undefined
    try {
      await closeAll(this.#lanes)
    } catch (e) {
      this.#logger.error(`Not all messages were delivered: ${(e as Error).message}`)
    } finally {
      this.#connection.disconnect()
      this.#state = 'disconnected'
    }
    this.#instrumentation.emit(EVENTS.DISCONNECT)
  }

  isIdempotent = (): boolean => this.#config.idempotent ?? false

  logger = (): Logger => this.#logger

  on = <T = any>(event: string, listener: Listener<T>): RemoveInstrumentationEventListener =>
    this.#instrumentation.on(event, listener)

  transaction = async (): Promise<Transaction> => {
    throw notImplemented('producer.transaction')
  }

  #lane(acks: number, timeout: number | undefined, compression: CompressionTypes): Lane {
    const last = this.#last
    if (last !== undefined && last.acks === acks && last.timeout === timeout && last.compression === compression) {
      return last.lane
    }
    const lane = this.#findLane(acks, timeout, compression)
    this.#last = { acks, timeout, compression, lane }
    return lane
  }

  #findLane(acks: number, timeout: number | undefined, compression: CompressionTypes): Lane {
    const key = `${acks},${timeout},${compression}`
    const found = this.#lanes.get(key)
    if (found) return found
    const codec = CODECS[compression]
    if (codec === undefined) throw new KafkaJSNonRetriableError(`Invalid compression type ${compression}`)
    const { idempotent } = this.#config
    if (idempotent && acks !== -1) {
      throw new KafkaJSNonRetriableError(
        "Not requiring ack for all messages invalidates the idempotent producer's EoS guarantees",
      )
    }
    const own = properties({
      acks,
      'compression.type': codec,
      'request.timeout.ms':
        typeof timeout === 'number'
          ? Math.min(Math.max(Math.ceil(timeout), SHORTEST_TIMEOUT), LONGEST_TIMEOUT)
          : timeout,
      // Unless the program says otherwise it is on: no message twice, none out of order.
      'enable.idempotence': acks === -1 ? idempotent : false,
    })
    const id = native.producerCreate(this.#connection.client as number, pairs(own))
    const lane = new Lane(id, acks)
    this.#lanes.set(key, lane)
    lanes.add(lane)
    return lane
  }

  #checkConnected(): void {
    if (this.#state === 'connected') return
    if (this.#state === 'disconnecting') {
      throw new KafkaJSNonRetriableError(
        "The producer is disconnecting; therefore, it can't safely accept messages anymore",
      )
    }
    throw new KafkaJSError('The producer is disconnected')
  }

  #sendTo({ topic, messages }: TopicMessages, lane: Lane): Promise<RecordMetadata[]> {
    if (this.#partition === undefined) return lane.send(topic, messages)
    const known = this.#metadata.get(topic)
    if (known !== undefined && known.until > Date.now()) {
      return lane.send(topic, messages, this.#choose(topic, messages, known.partitions))
    }
    return this.#describe(topic, lane).then((partitions) =>
      lane.send(topic, messages, this.#choose(topic, messages, partitions)),
    )
  }

  #choose(topic: string, messages: Message[], partitionMetadata: PartitionMetadata[]): number[] {
    const partition = this.#partition as (args: PartitionerArgs) => number
    return messages.map((message) => partition({ topic, partitionMetadata, message }))
  }

  /** A topic's partitions for a partitioner of the program's; what does not exist yet may be being created. */
  async #describe(topic: string, lane: Lane): Promise<PartitionMetadata[]> {
    const partitions = (await native.producerPartitions(lane.id, topic)) as PartitionMetadata[]
    const until = Date.now() + (this.#config.metadataMaxAge ?? 300000)
    this.#metadata.set(topic, { partitions, until })
    return partitions
  }

  send = async (record: ProducerRecord): Promise<RecordMetadata[]> => {
    const { topic, messages, acks = -1, timeout, compression = CompressionTypes.None } = record
    checkMessages(topic, messages)
    this.#checkConnected()
    return this.#sendTo(record, this.#lane(acks, timeout, compression))
  }

  sendBatch = async (batch: ProducerBatch): Promise<RecordMetadata[]> => {
    const { topicMessages = [], acks = -1, timeout, compression = CompressionTypes.None } = batch
    for (const { topic, messages } of topicMessages) {
      checkMessages(topic, messages)
      // All of a batch or nothing; of one topic's it is so anyway.
      if (topicMessages.length < 2) break
      messages.forEach((message, i) => checkMessage(topic, message, i, this.#partition !== undefined))
    }
    this.#checkConnected()
    const merged = new Map<string, Message[]>()
    for (const { topic, messages } of topicMessages) {
      merged.set(topic, merged.has(topic) ? [...(merged.get(topic) as Message[]), ...messages] : messages)
    }
    const lane = this.#lane(acks, timeout, compression)
    const sent = await Promise.allSettled(
      // Async: what is thrown for one topic is told when all have settled.
      [...merged].map(async ([topic, messages]) => this.#sendTo({ topic, messages }, lane)),
    )
    const failed = sent.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
    return sent.flatMap((one) => (one as PromiseFulfilledResult<RecordMetadata[]>).value)
  }
}
