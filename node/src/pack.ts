// Messages on their way out, packed so that a whole send crosses into the addon in one call: all strings in one growing string,
// all bytes in one buffer, and a table of lengths. The addon's `records.rs` says how the table reads.

import { KafkaJSNonRetriableError } from './errors'
import type { IHeaders, Message } from './types'

const STRING = 1
const BYTES = 2
const VALUE_SHIFT = 2
const PARTITION = 1 << 4
const TIMESTAMP = 1 << 5
const HEADERS = 1 << 6

/** What is kept between sends at most. */
const KEPT_BYTES = 1 << 20
/** A message without headers takes no more words. */
const WORDS = 8
const TWO_TO_32 = 4294967296

export class Pack {
  text = ''
  table = new Int32Array(1024)
  tableLength = 0
  bytes = new Uint8Array(4096)
  #bytesLength = 0
  /** How many messages are in it. */
  messages = 0

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
      this.text += piece
      this.table[this.tableLength++] = piece.length
      return STRING
    }
    if (piece === null || piece === undefined) return 0
    if (piece instanceof Uint8Array) {
      this.#addBytes(piece)
      this.table[this.tableLength++] = piece.length
      return BYTES
    }
    if (ArrayBuffer.isView(piece)) {
      return this.#add(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength))
    }
    return this.#add(String(piece))
  }

  #addHeaders(headers: IHeaders): void {
    const countAt = this.tableLength++
    let count = 0
    const add = (name: string, value: unknown): void => {
      if (this.tableLength + 3 > this.table.length) this.#growTable(3)
      this.text += name
      this.table[this.tableLength++] = name.length
      const kindAt = this.tableLength++
      this.table[kindAt] = this.#add(value)
      count++
    }
    for (const name of Object.keys(headers)) {
      const value = headers[name]
      if (Array.isArray(value)) for (const one of value) add(name, one)
      else add(name, value)
    }
    this.table[countAt] = count
  }

  #addMessage(topic: string, message: Message, partition: number | undefined): void {
    if (message.value === undefined) {
      throw new KafkaJSNonRetriableError(
        `Invalid message without value for topic "${topic}": ${JSON.stringify(message)}`,
      )
    }
    if (this.tableLength + WORDS > this.table.length) this.#growTable(WORDS)
    const flagsAt = this.tableLength++
    let flags = 0
    if (partition !== undefined && partition !== null) {
      flags = PARTITION
      this.table[this.tableLength++] = partition
    }
    if (message.timestamp !== undefined && message.timestamp !== null) {
      const millis = Number(message.timestamp)
      if (!Number.isSafeInteger(millis)) {
        throw new KafkaJSNonRetriableError(`Invalid timestamp "${message.timestamp}" for topic "${topic}"`)
      }
      flags |= TIMESTAMP
      this.table[this.tableLength++] = Math.floor(millis / TWO_TO_32)
      this.table[this.tableLength++] = millis | 0
    }
    flags |= this.#add(message.key)
    flags |= this.#add(message.value) << VALUE_SHIFT
    if (message.headers) {
      flags |= HEADERS
      this.#addHeaders(message.headers)
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
      for (let i = 0; i < messages.length; i++) {
        const message = messages[i]
        this.#addMessage(topic, message, partitions === undefined ? message.partition : partitions[i])
      }
      this.messages += messages.length
    } catch (e) {
      this.text = text
      this.tableLength = tableLength
      this.#bytesLength = bytesLength
      throw e
    }
  }
}
