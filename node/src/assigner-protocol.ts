// What members and leaders of a group tell each other (ConsumerProtocolSubscription and ConsumerProtocolAssignment of Kafka's
// schemas, what all versions have in common): for programs that read `admin.describeGroups`.

import { KafkaJSNonRetriableError } from './errors'
import type { Assignment } from './types'

export interface MemberMetadata {
  version: number
  topics: string[]
  userData: Buffer
}

export interface MemberAssignment {
  version: number
  assignment: Assignment
  userData: Buffer
}

class Writer {
  readonly #pieces: Buffer[] = []

  int16(number: number): this {
    const piece = Buffer.alloc(2)
    piece.writeInt16BE(number)
    this.#pieces.push(piece)
    return this
  }

  int32(number: number): this {
    const piece = Buffer.alloc(4)
    piece.writeInt32BE(number)
    this.#pieces.push(piece)
    return this
  }

  string(text: string): this {
    const bytes = Buffer.from(text)
    this.int16(bytes.length).#pieces.push(bytes)
    return this
  }

  bytes(bytes: Uint8Array): this {
    this.int32(bytes.length).#pieces.push(Buffer.from(bytes))
    return this
  }

  array<T>(items: T[], write: (item: T) => void): this {
    this.int32(items.length)
    items.forEach(write)
    return this
  }

  end(): Buffer {
    return Buffer.concat(this.#pieces)
  }
}

class Reader {
  #at = 0
  constructor(readonly all: Buffer) {}

  #take(length: number): Buffer {
    const piece = this.all.subarray(this.#at, this.#at + length)
    if (length < 0 || piece.length !== length) {
      throw new KafkaJSNonRetriableError('Not what members of a group of consumers tell each other: it ends too early')
    }
    this.#at += length
    return piece
  }

  int16(): number {
    return this.#take(2).readInt16BE()
  }

  int32(): number {
    return this.#take(4).readInt32BE()
  }

  string(): string {
    return this.#take(this.int16()).toString()
  }

  /** Null reads as empty. */
  bytes(): Buffer {
    return this.#take(Math.max(0, this.int32()))
  }

  array<T>(read: () => T): T[] {
    const items: T[] = []
    // Whatever the count says: each item takes bytes.
    for (let count = this.int32(); count > 0; count--) items.push(read())
    return items
  }
}

const NO_DATA = Buffer.alloc(0)

export const AssignerProtocol = {
  /** What a member tells the leader: `MemberDescription.memberMetadata`. */
  MemberMetadata: {
    encode({ version, topics, userData = NO_DATA }: Omit<MemberMetadata, 'userData'> & { userData?: Buffer }): Buffer {
      const writer = new Writer().int16(version)
      return writer.array(topics, (topic) => writer.string(topic)).bytes(userData).end()
    },

    decode(bytes: Buffer): MemberMetadata {
      const reader = new Reader(bytes)
      return { version: reader.int16(), topics: reader.array(() => reader.string()), userData: reader.bytes() }
    },
  },

  /** What the leader tells a member: `MemberDescription.memberAssignment`, empty for a member that has nothing. */
  MemberAssignment: {
    encode({
      version,
      assignment,
      userData = NO_DATA,
    }: Omit<MemberAssignment, 'userData'> & { userData?: Buffer }): Buffer {
      const writer = new Writer().int16(version)
      writer.array(Object.entries(assignment), ([topic, partitions]) =>
        writer.string(topic).array(partitions, (partition) => writer.int32(partition)),
      )
      return writer.bytes(userData).end()
    },

    decode(bytes: Buffer): MemberAssignment | null {
      if (bytes.length === 0) return null
      const reader = new Reader(bytes)
      const version = reader.int16()
      const topics = reader.array(() => [reader.string(), reader.array(() => reader.int32())] as const)
      return { version, assignment: Object.fromEntries(topics), userData: reader.bytes() }
    },
  },
}
