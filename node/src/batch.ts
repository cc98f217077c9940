// Messages on their way in: one ArrayBuffer a batch, a table of where things lie in it, and messages that look when they are
// asked. The addon's `batch.rs` says how the table reads.

import { inspect } from 'node:util'

import type { IBatchProcessEvent } from './events'
import type { RawBatch } from './native'
import type { Batch, IHeaders, RecordBatchEntry } from './types'

const WORDS = 8
const TWO_TO_32 = 4294967296

/** A true Buffer over a piece of memory, without the checks of `Buffer.from`. */
const View = (Buffer as unknown as Record<symbol, unknown>)[Symbol.species] as new (
  memory: ArrayBuffer,
  at: number,
  length: number,
) => Buffer

/** The last four digits of an offset: the digits before them rarely change. */
const DIGITS: string[] = Array.from({ length: 10000 }, (_, i) => String(i).padStart(4, '0'))
let prefixOf = -1
let prefix = ''

export function offsetText(offset: number): string {
  if (offset < 10000) return String(offset)
  const high = Math.floor(offset / 10000)
  if (high !== prefixOf) {
    prefixOf = high
    prefix = String(high)
  }
  return prefix + DIGITS[offset - high * 10000]
}

let lastTimestamp = -1
let lastTimestampText = '-1'

function timestampText(timestamp: number): string {
  if (timestamp !== lastTimestamp) {
    lastTimestamp = timestamp
    lastTimestampText = String(timestamp)
  }
  return lastTimestampText
}

/**
 * A message that reads its batch when it is asked. One of its Buffers keeps the whole batch's memory: copy what is kept for long.
 */
export class Message implements RecordBatchEntry {
  readonly #batch: FetchedBatch
  readonly #at: number
  #key: Buffer | null | undefined = undefined
  #value: Buffer | null | undefined = undefined
  #headers: IHeaders | undefined = undefined

  constructor(batch: FetchedBatch, index: number) {
    this.#batch = batch
    this.#at = index * WORDS
  }

  get topic(): string {
    return this.#batch.topic
  }

  get partition(): number {
    return this.#batch.partition
  }

  get offset(): string {
    return offsetText(this.#batch.first + this.#batch.table[this.#at])
  }

  get timestamp(): string {
    const { table } = this.#batch
    return timestampText(table[this.#at + 1] * TWO_TO_32 + (table[this.#at + 2] >>> 0))
  }

  get attributes(): number {
    return 0
  }

  get key(): Buffer | null {
    if (this.#key === undefined) this.#key = this.#batch.view(this.#at + 3)
    return this.#key
  }

  set key(key: Buffer | null) {
    this.#key = key
  }

  get value(): Buffer | null {
    if (this.#value === undefined) this.#value = this.#batch.view(this.#at + 5)
    return this.#value
  }

  set value(value: Buffer | null) {
    this.#value = value
  }

  get headers(): IHeaders {
    this.#headers ??= this.#batch.headers(this.#batch.table[this.#at + 7])
    return this.#headers
  }

  set headers(headers: IHeaders) {
    this.#headers = headers
  }

  /** The same as a plain object, whose Buffers have memory of their own. */
  copy(): RecordBatchEntry {
    const own = (view: Buffer | null): Buffer | null => (view === null ? null : Buffer.from(view))
    const headers: IHeaders = {}
    for (const [name, value] of Object.entries(this.headers)) {
      headers[name] = Array.isArray(value)
        ? value.map((one) => own(one as Buffer) as Buffer)
        : (own(value as Buffer) as Buffer)
    }
    const { timestamp, attributes, offset } = this
    return { key: own(this.key), value: own(this.value), timestamp, attributes, offset, headers }
  }

  /** What spreading a plain message would give. */
  toJSON(): RecordBatchEntry {
    const { key, value, timestamp, attributes, offset, headers } = this
    return { key, value, timestamp, attributes, offset, headers }
  }

  [inspect.custom](depth: number, options: object, show: typeof inspect): string {
    return show(this.toJSON(), { ...options, depth })
  }
}

export class FetchedBatch {
  readonly number: number
  readonly topic: string
  readonly partition: number
  /** The offset that the table counts from. */
  readonly first: number
  readonly count: number
  /** The offset behind the batch, and behind what was left out at its end. */
  readonly next: number
  readonly high: number
  /** The id of the broker that it was fetched from. */
  readonly broker: number
  readonly table: Int32Array
  readonly #bytes: ArrayBuffer

  constructor(raw: RawBatch) {
    this.number = raw[0]
    this.topic = raw[1]
    this.partition = raw[2]
    this.first = raw[3]
    this.count = raw[4]
    this.next = raw[5]
    this.#bytes = raw[6]
    this.table = raw[7]
    this.high = raw[8]
    this.broker = raw[9]
  }

  /** The offset of a message of it. */
  offset(index: number): number {
    return this.first + this.table[index * WORDS]
  }

  view(at: number): Buffer | null {
    const length = this.table[at + 1]
    return length < 0 ? null : new View(this.#bytes, this.table[at], length)
  }

  headers(at: number): IHeaders {
    const headers: IHeaders = {}
    if (at === 0) return headers
    const count = this.table[at]
    for (let i = 0, place = at + 1; i < count; i++, place += 4) {
      const name = (this.view(place) as Buffer).toString()
      const value = this.view(place + 2) as Buffer
      const before = headers[name]
      if (!Object.hasOwn(headers, name)) {
        // Not by assignment: a header may be called __proto__.
        Object.defineProperty(headers, name, { value, writable: true, enumerable: true, configurable: true })
      } else if (Array.isArray(before)) before.push(value)
      else headers[name] = [before as Buffer, value]
    }
    return headers
  }

  /** What events tell of it from a message on; it has messages. */
  process(from: number): IBatchProcessEvent {
    const { topic, partition, count, high } = this
    const [first, last] = [this.offset(from), this.next - 1]
    return {
      topic,
      partition,
      highWatermark: String(high),
      offsetLag: String(Math.max(0, high - 1 - last)),
      offsetLagLow: String(Math.max(0, high - 1 - first)),
      batchSize: count - from,
      firstOffset: offsetText(first),
      lastOffset: offsetText(last),
    }
  }

  /** The batch as `eachBatch` gets it, from a message on. */
  toBatch(from: number): Batch {
    const { topic, partition, high, next, count } = this
    const messages: Message[] = new Array(count - from)
    for (let i = from; i < count; i++) messages[i - from] = new Message(this, i)
    const first = count > from ? offsetText(this.offset(from)) : null
    const lag = (offset: number): string => String(Math.max(0, high - 1 - offset))
    return {
      topic,
      partition,
      highWatermark: String(high),
      messages,
      isEmpty: () => messages.length === 0,
      firstOffset: () => first,
      lastOffset: () => offsetText(next - 1),
      offsetLag: () => lag(next - 1),
      offsetLagLow: () => (first === null ? '0' : lag(Number(first))),
    }
  }
}
