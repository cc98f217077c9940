// Which partition a message goes to. The default is the core's: murmur2 of the key as Java's client has it, and for messages
// without a key one partition at a time.

import { randomInt } from 'node:crypto'

import { bytesOf } from './pack'
import type { ICustomPartitioner, PartitionerArgs } from './types'

/** Stands for the core's partitioner; it is never called. */
const DefaultPartitioner: ICustomPartitioner = () => {
  throw new Error('the default partitioner is the core’s own: pass it to producer({ createPartitioner })')
}

/**
 * murmur2 as KafkaJS 1 computed it: the same steps with double-precision products, which lose low bits, and with one step too
 * many for lengths that 4 does not divide.
 */
function legacyHash(key: Uint8Array): number {
  const m = 0x5bd1e995
  const at = (i: number): number => (i < key.length ? key[i] : 0)
  let h = 0x9747b28c ^ key.length
  for (let i = 0; i < key.length; i += 4) {
    let k = at(i) + (at(i + 1) << 8) + (at(i + 2) << 16) + (at(i + 3) << 24)
    k *= m
    k ^= k >>> 24
    k *= m
    h *= m
    h ^= k
  }
  const tail = key.length & ~3
  const rest = key.length & 3
  if (rest === 3) h ^= at(tail + 2) << 16
  if (rest >= 2) h ^= at(tail + 1) << 8
  if (rest >= 1) {
    h ^= at(tail)
    h *= m
  }
  h ^= h >>> 13
  h *= m
  h ^= h >>> 15
  return h
}

const LegacyPartitioner: ICustomPartitioner = () => {
  const counters = new Map<string, number>()
  return ({ topic, partitionMetadata, message }: PartitionerArgs): number => {
    if (message.partition !== null && message.partition !== undefined) return message.partition
    if (message.key !== null && message.key !== undefined) {
      const { key } = message
      const bytes = bytesOf(key) ?? Buffer.from(String(key))
      return (legacyHash(bytes) & 0x7fffffff) % partitionMetadata.length
    }
    const counter = (counters.get(topic) ?? randomInt(2 ** 31)) + 1
    counters.set(topic, counter)
    const available = partitionMetadata.filter((partition) => partition.leader >= 0)
    const from = available.length > 0 ? available : partitionMetadata
    return from[(counter & 0x7fffffff) % from.length].partitionId
  }
}

export const Partitioners = {
  DefaultPartitioner,
  LegacyPartitioner,
  /** KafkaJS's earlier name of the default. */
  JavaCompatiblePartitioner: DefaultPartitioner,
}

/** Whether the core partitions by itself. */
export function isBuiltIn(partitioner: ICustomPartitioner | undefined | null): boolean {
  return partitioner === undefined || partitioner === null || partitioner === DefaultPartitioner
}
