// A broker for tests, in the process: started in milliseconds, on free ports, with everything in memory.

import { native } from './native'

export interface BrokerOptions {
  /** How many brokers. */
  brokers?: number
  /** How many partitions a topic has that nobody sized. */
  partitions?: number
  /** Topics that exist from the start: `name` or `name:partitions`. */
  topics?: string[]
  /** Whether a topic is created when it is first asked for. */
  autoCreate?: boolean
  /** How many requests are remembered, for `requests`. */
  journal?: number
  seed?: number
  /** Properties of a broker by Kafka's names. */
  properties?: Record<string, string | number | boolean>
}

/** Which requests, how often, and what happens to them: exactly one of the effects. */
export interface Fault {
  api?: string
  topic?: string
  partition?: number
  group?: string
  transactionalId?: string
  clientId?: string
  broker?: number
  connection?: number
  /** So many requests are spared first. */
  skip?: number
  /** So many requests are struck. */
  times?: number
  probability?: number
  /** Whether the request is carried out all the same. */
  applied?: boolean

  /** A Kafka error's name or number. */
  error?: string | number
  delayMs?: number
  throttleMs?: number
  close?: boolean
  silence?: boolean
  truncate?: number
  corrupt?: number
  wrongCrc?: boolean
  staleMetadata?: number
}

function words(options: object): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === null) return []
    return [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), String(value)]
  })
}

/** A fault that was added. */
export class AddedFault {
  /** @internal */
  constructor(
    readonly broker: number,
    readonly id: number,
  ) {}

  /** How often it struck. */
  get hits(): number {
    return native.brokerFaultHits(this.broker, this.id)
  }

  /** Removes it; whether it was still there. */
  remove(): boolean {
    return native.brokerRemoveFault(this.broker, this.id)
  }
}

export class Broker {
  readonly #id: number
  #isStopped = false
  /** `HOST:PORT` of each broker. */
  readonly brokers: string[]

  private constructor(id: number) {
    this.#id = id
    this.brokers = native.brokerServers(id).split(',')
  }

  static async start(options: BrokerOptions = {}): Promise<Broker> {
    const { topics = [], properties = {}, ...rest } = options
    const given = [...words(rest), ...topics.flatMap((topic) => ['topic', topic])]
    for (const [name, value] of Object.entries(properties)) given.push(name, String(value))
    return new Broker(native.brokerStart(given))
  }

  /** `HOST:PORT` of each broker, joined by commas. */
  get bootstrapServers(): string {
    return this.brokers.join(',')
  }

  /** Ends all brokers. What they held is gone. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    native.brokerStop(this.#id)
  }

  /** For `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Stops one broker as if it had been killed. What it stores stays. */
  stopBroker(id: number): void {
    native.brokerSetRunning(this.#id, id, false)
  }

  /** Starts it again, on its old port. */
  restartBroker(id: number): void {
    native.brokerSetRunning(this.#id, id, true)
  }

  moveLeader(topic: string, partition: number, broker: number): void {
    native.brokerMoveLeader(this.#id, topic, partition, broker)
  }

  createTopic(name: string, partitions = 1): void {
    native.brokerCreateTopic(this.#id, name, partitions)
  }

  addFault(fault: Fault): AddedFault {
    return new AddedFault(this.#id, native.brokerAddFault(this.#id, words(fault)))
  }

  clearFaults(): void {
    native.brokerClearFaults(this.#id)
  }

  /** How many requests of an API were seen, of those that the journal remembers. */
  requests(api: string): number {
    return native.brokerRequests(this.#id, api)
  }
}
