// What producers, consumers and admins have in common: a client of the cluster, and the properties that KafkaJS's options mean.

import {
  KafkaJSConnectionClosedError,
  KafkaJSConnectionError,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
  RETRIED,
  notImplemented,
} from './errors'
import type { Instrumentation } from './instrumentation'
import type { Logger } from './logger'
import { native } from './native'
import type { KafkaConfig, Properties } from './types'
import { isTraced, watch } from './watch'

/** Options by name, each with what it means to the core. `undefined` and `null` mean nothing. */
export function properties(options: Record<string, string | number | boolean | null | undefined>): Map<string, string> {
  const map = new Map<string, string>()
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && value !== null) map.set(name, String(value))
  }
  return map
}

/** Pairs as the addon takes them; later maps go before earlier ones. */
export function pairs(...maps: (Map<string, string> | Properties | undefined)[]): string[] {
  const merged = new Map<string, string>()
  for (const map of maps) {
    if (map === undefined) continue
    const entries = map instanceof Map ? map : Object.entries(map)
    for (const [name, value] of entries) merged.set(name, String(value))
  }
  return [...merged].flat()
}

/** What is left of a producer, consumer or admin that the program lost without disconnecting it. */
interface Left {
  connection: Connection
  close(): Promise<unknown>
}

const lost = new FinalizationRegistry<Left>(async ({ connection, close }) => {
  if (connection.client === undefined) return
  connection.logger.warn('Garbage-collected without having been disconnected: it is disconnected now')
  await close().catch(() => {})
  connection.disconnect()
})

const REFUSED = ['ssl', 'sasl', 'socketFactory'] as const

export class Connection {
  /** The client's number while connected. */
  client: number | undefined
  #connecting: Promise<number> | undefined
  #isDisconnected = false
  readonly logger: Logger
  /** Not held: who listens may hold the owner, which then could never be lost. */
  readonly #instrumentation: WeakRef<Instrumentation>

  constructor(
    readonly config: KafkaConfig,
    readonly own: Map<string, string>,
    instrumentation: Instrumentation,
  ) {
    this.logger = instrumentation.logger
    this.#instrumentation = new WeakRef(instrumentation)
    instrumentation.onListeners = () => this.#trace()
  }

  #isTraced(): boolean {
    const instrumentation = this.#instrumentation.deref()
    return instrumentation !== undefined && isTraced(instrumentation)
  }

  #trace(): void {
    if (this.client !== undefined) native.clientTrace(this.client, this.#isTraced())
  }

  /**
   * Disconnects when the program has lost its producer, consumer or admin; a consumer that runs is not lost. `close`, which must
   * not hold the owner, ends what was made of the connection: what was sent is delivered.
   */
  endWith(owner: object, close: () => Promise<unknown> = async () => {}): void {
    lost.register(owner, { connection: this, close })
  }

  async #find(brokers: () => string[] | Promise<string[]>): Promise<string[]> {
    try {
      return await brokers()
    } catch (e) {
      const { message } = e as Error
      throw new KafkaJSConnectionError(`Failed to connect: "config.brokers" threw: ${message}`, { cause: e as Error })
    }
  }

  async #open(): Promise<number> {
    const { config } = this
    for (const name of REFUSED) {
      if (config[name]) throw notImplemented(`The option "${name}" of Kafka`)
    }
    const brokers = typeof config.brokers === 'function' ? await this.#find(config.brokers) : config.brokers
    if (!Array.isArray(brokers) || brokers.length === 0) {
      throw new KafkaJSNonRetriableError('Failed to connect: expected brokers array and got nothing')
    }
    const general = properties({
      'bootstrap.servers': brokers.join(','),
      'client.id': config.clientId,
      // The core takes no less than 1 s.
      'socket.connection.setup.timeout.ms':
        config.connectionTimeout === undefined ? undefined : Math.max(1000, config.connectionTimeout),
      'socket.timeout.ms':
        config.enforceRequestTimeout === false ? undefined : config.requestTimeout,
    })
    const instrumentation = this.#instrumentation.deref()
    // None: its owner is lost, and nobody waits for the connection.
    const watcher = instrumentation === undefined ? -1 : watch(instrumentation)
    return native.clientConnect(pairs(general, this.own, config.properties), watcher, this.#isTraced())
  }

  /** Connects, once however often it is called. */
  async connect(): Promise<number> {
    this.#isDisconnected = false
    if (this.client !== undefined) return this.client
    if (this.#connecting !== undefined) return this.#connecting
    const connecting: Promise<number> = this.#open().then(
      (client) => {
        if (this.#connecting !== connecting) {
          // Disconnected meanwhile.
          native.clientClose(client)
          return client
        }
        this.client = client
        this.#connecting = undefined
        this.#trace()
        // As sockets would: the process goes on until it is disconnected.
        native.keepAlive(true)
        return client
      },
      (e) => {
        if (this.#connecting === connecting) this.#connecting = undefined
        // As in KafkaJS: what was tried until the end, with the last failure as its cause.
        throw e.retriable && e.kind !== undefined ? new KafkaJSNumberOfRetriesExceeded(e, RETRIED) : e
      },
    )
    this.#connecting = connecting
    return connecting
  }

  /** The client for a call, connected if nobody has yet. */
  async use(): Promise<number> {
    if (this.#isDisconnected) throw new KafkaJSConnectionClosedError('Closed connection')
    return this.connect()
  }

  /** Closes the client; one that is being connected is closed when it comes. */
  disconnect(): void {
    this.#isDisconnected = true
    this.#connecting = undefined
    if (this.client === undefined) return
    native.clientClose(this.client)
    this.client = undefined
    native.keepAlive(false)
  }
}
