// Messages on their way out, packed so that a whole send crosses into the addon in one call: all strings in one growing string,
// all bytes in one buffer, and a table of lengths. The addon's `records.rs` says how the table reads.

import { types } from 'node:util'

import { KafkaJSNonRetriableError } from './errors'
import type { IHeaders, Message } from './types'

const STRING = 1
const BYTES = 2
/** Neither, nor null: not to be sent. */
const WRONG = -1
const VALUE_SHIFT = 2
const PARTITION = 1 << 4
const TIMESTAMP = 1 << 5
const HEADERS = 1 << 6

/** What is kept between sends at most. */
const KEPT_BYTES = 1 << 20
/** Strings that would not fit into so many go as bytes: V8's longest string has some 500 million. */
const MOST_TEXT = 1 << 26
/** A message without headers takes no more words. */
const WORDS = 8
const TWO_TO_32 = 4294967296
const INTEGER = /^\s*[+-]?\d+\s*$/
/** So many digits are a safe integer, whichever they are. */
const LONGEST_DIGITS = 15
const DIGITS = /^\d+$/

/** The bytes of a key or value that is neither a string nor null, over the same memory. */
export function bytesOf(piece: unknown): Uint8Array | undefined {
  if (piece instanceof Uint8Array) return piece
  // Those of other contexts too, as Jest makes them.
  if (ArrayBuffer.isView(piece)) return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength)
  if (types.isAnyArrayBuffer(piece)) return new Uint8Array(piece)
  return undefined
}

/** A message has a value, if only null. */
function checkValue(topic: string, message: Message | null | undefined, index: number): void {
  if (message !== null && message !== undefined && message.value !== undefined) return
  throw new KafkaJSNonRetriableError(
    `Invalid message without value for topic "${topic}": ${JSON.stringify(message)} (message ${index})`,
  )
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'Object'}`
  return `${typeof value} ${String(value)}`
}

/** What KafkaJS lets Buffer say: the program's mistake, which nothing is written of. */
function wrongPiece(what: string, piece: unknown, index: number, topic: string): TypeError {
  const e = new TypeError(
    `The ${what} of message ${index} for topic "${topic}" must be a string, bytes (Buffer, ArrayBuffer, a view of one) ` +
      `or null: received ${shown(piece)}`,
  )
  return Object.assign(e, { code: 'ERR_INVALID_ARG_TYPE' })
}

function partitionOf(partition: unknown, isChosen: boolean, index: number, topic: string): number {
  // KafkaJS takes the digits too.
  const number = typeof partition === 'string' && DIGITS.test(partition) ? Number(partition) : partition
  if (typeof number === 'number' && number === (number | 0)) return number
  throw new KafkaJSNonRetriableError(
    isChosen
      ? `Invalid partition: the partitioner returned ${shown(partition)} for message ${index} of topic "${topic}"`
      : `Invalid partition of message ${index} for topic "${topic}": an integer is expected, received ${shown(partition)}`,
  )
}

function checkPiece(what: string, piece: unknown, index: number, topic: string): void {
  if (typeof piece === 'string' || piece === null || piece === undefined || bytesOf(piece) !== undefined) return
  throw wrongPiece(what, piece, index, topic)
}

/** All that `Pack.add` would say of a message, before anything is added. Its partition may be for a partitioner to look at. */
export function checkMessage(topic: string, message: Message, index: number, isChosen: boolean): void {
  checkValue(topic, message, index)
  const { key, value, partition, timestamp, headers } = message
  checkPiece('key', key, index, topic)
  checkPiece('value', value, index, topic)
  if (!isChosen && partition !== undefined && partition !== null) partitionOf(partition, false, index, topic)
  if (timestamp !== undefined && timestamp !== null) timestampOf(timestamp, index, topic)
  if (!headers) return
  for (const [name, values] of Object.entries(headers)) {
    for (const one of Array.isArray(values) ? values : [values]) checkPiece(`header "${name}"`, one, index, topic)
  }
}

/** Milliseconds: a whole number as a string, or as a number, a bigint or a Date, which KafkaJS takes too. */
function timestampOf(timestamp: unknown, index: number, topic: string): number {
  let millis: number
  if (typeof timestamp === 'string') {
    // Digits alone are what there is nearly always, and looking for them is faster than an expression.
    let at = 0
    millis = 0
    for (; at < timestamp.length && at < LONGEST_DIGITS; at++) {
      const digit = timestamp.charCodeAt(at) - 48
      if (digit < 0 || digit > 9) break
      millis = millis * 10 + digit
    }
    if (at < timestamp.length || at === 0) millis = INTEGER.test(timestamp) ? Number(timestamp) : NaN
  } else if (typeof timestamp === 'number') millis = timestamp
  else millis = typeof timestamp === 'bigint' || types.isDate(timestamp) ? Number(timestamp) : NaN
  if (Number.isSafeInteger(millis)) return millis
  throw new KafkaJSNonRetriableError(`Invalid timestamp "${timestamp}" of message ${index} for topic "${topic}"`)
}

export class Pack {
  text = ''
  table = new Int32Array(1024)
  tableLength = 0
  bytes = new Uint8Array(4096)
  #bytesLength = 0
  /** How many messages are in it. */
  messages = 0

  /** How much is in it: bytes, and characters of strings. */
  get size(): number {
    return this.text.length + this.#bytesLength
  }

  clear(): void {
    this.text = ''
    this.tableLength = 0
    this.#bytesLength = 0
    this.messages = 0
    if (this.bytes.length > KEPT_BYTES) this.bytes = new Uint8Array(4096)
    if (this.table.length * 4 > KEPT_BYTES) this.table = new Int32Array(1024)
  }

  #growTable(words: number): void {
    const table = new Int32Array(Math.max(this.table.length * 2, this.tableLength + words))
    table.set(this.table)
    this.table = table
  }

  #addBytes(view: Uint8Array): void {
    const end = this.#bytesLength + view.length
    if (end > this.bytes.length) {
      const bytes = new Uint8Array(Math.max(this.bytes.length * 2, end))
      bytes.set(this.bytes.subarray(0, this.#bytesLength))
      this.bytes = bytes
    }
    this.bytes.set(view, this.#bytesLength)
    this.#bytesLength = end
  }

  /** Adds a piece and its length; what kind of piece it is. */
  #add(piece: unknown): number {
    if (typeof piece === 'string') {
      if (this.text.length + piece.length > MOST_TEXT) return this.#add(Buffer.from(piece))
      this.text += piece
      this.table[this.tableLength++] = piece.length
      return STRING
    }
    if (piece === null || piece === undefined) return 0
    const bytes = bytesOf(piece)
    if (bytes === undefined) return WRONG
    this.#addBytes(bytes)
    this.table[this.tableLength++] = bytes.length
    return BYTES
  }

  #addHeaders(headers: IHeaders, index: number, topic: string): void {
    const countAt = this.tableLength++
    let count = 0
    const add = (name: string, value: unknown): void => {
      if (this.tableLength + 3 > this.table.length) this.#growTable(3)
      this.text += name
      this.table[this.tableLength++] = name.length
      const kindAt = this.tableLength++
      const kind = this.#add(value)
      if (kind === WRONG) throw wrongPiece(`header "${name}"`, value, index, topic)
      this.table[kindAt] = kind
      count++
    }
    for (const name of Object.keys(headers)) {
      const value = headers[name]
      if (Array.isArray(value)) for (const one of value) add(name, one)
      else add(name, value)
    }
    this.table[countAt] = count
  }

  #addMessage(topic: string, message: Message, index: number, partitions: unknown[] | undefined): void {
    checkValue(topic, message, index)
    if (this.tableLength + WORDS > this.table.length) this.#growTable(WORDS)
    const flagsAt = this.tableLength++
    let flags = 0
    const isChosen = partitions !== undefined
    const partition = isChosen ? partitions[index] : message.partition
    if (isChosen || (partition !== undefined && partition !== null)) {
      flags = PARTITION
      this.table[this.tableLength++] = partitionOf(partition, isChosen, index, topic)
    }
    if (message.timestamp !== undefined && message.timestamp !== null) {
      const millis = timestampOf(message.timestamp, index, topic)
      flags |= TIMESTAMP
      this.table[this.tableLength++] = Math.floor(millis / TWO_TO_32)
      this.table[this.tableLength++] = millis | 0
    }
    const key = this.#add(message.key)
    if (key === WRONG) throw wrongPiece('key', message.key, index, topic)
    const value = this.#add(message.value)
    if (value === WRONG) throw wrongPiece('value', message.value, index, topic)
    flags |= key | (value << VALUE_SHIFT)
    if (message.headers) {
      flags |= HEADERS
      this.#addHeaders(message.headers, index, topic)
    }
    this.table[flagsAt] = flags
  }

  /** Adds a send. If one of its messages can't be sent it is not added, and throws. */
  add(id: number, topic: string, topicAt: number, messages: Message[], partitions?: number[]): void {
    const { text, tableLength } = this
    const bytesLength = this.#bytesLength
    try {
      if (tableLength + 3 > this.table.length) this.#growTable(3)
      this.table[this.tableLength++] = id
      this.table[this.tableLength++] = topicAt
      this.table[this.tableLength++] = messages.length
      for (let i = 0; i < messages.length; i++) this.#addMessage(topic, messages[i], i, partitions)
      this.messages += messages.length
    } catch (e) {
      this.text = text
      this.tableLength = tableLength
      this.#bytesLength = bytesLength
      throw e
    }
  }
}
