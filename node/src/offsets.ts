// What is done with and what is committed of it.

import { offsetText } from './batch'
import { EVENTS } from './events'
import type { Instrumentation } from './instrumentation'
import type { Logger } from './logger'
import { native } from './native'
import { type Partition, keyOf } from './partition'
import type { ConsumerRunConfig, Offsets, TopicPartitionOffsetAndMetadata } from './types'

/** How the consumer stands in its group. */
export interface GroupState {
  generation: number
  memberId: string
  leader: string | null
  assignor: string | null
}

export interface OffsetTrackerOptions {
  groupId: string
  config: ConsumerRunConfig
  partitions: Map<string, Partition>
  instrumentation: Instrumentation
  logger: Logger
  consumer(): number
  group(): GroupState
  isRunning(): boolean
  /** Tells the core what is done with of everything that is under way. */
  flush(): void
}

function byTopic(offsets: Iterable<{ topic: string; partition: number; offset: string }>): Offsets['topics'] {
  const topics = new Map<string, { partition: number; offset: string }[]>()
  for (const { topic, partition, offset } of offsets) {
    const partitions = topics.get(topic) ?? []
    partitions.push({ partition, offset })
    topics.set(topic, partitions)
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}

export class OffsetTracker {
  readonly #options: OffsetTrackerOptions
  readonly #autoCommit: boolean
  #committing: Promise<void> | undefined
  #again = false
  #lastCommit = Date.now()
  #resolvedSince = 0

  constructor(options: OffsetTrackerOptions) {
    this.#options = options
    this.#autoCommit = options.config.autoCommit ?? true
  }

  /** Everything of a partition before an offset is done with, as far as its stretch of consuming goes. */
  resolve(partition: Partition, stretch: number, next: number): void {
    if (next <= partition.resolved || partition.stretch !== stretch) return
    this.#resolvedSince += next - partition.resolved
    partition.resolved = next
  }

  #pending(): Partition[] {
    return [...this.#options.partitions.values()].filter(({ resolved, committed }) => resolved > committed)
  }

  uncommitted(): Offsets {
    const offsets = this.#pending().map(({ topic, partition, resolved }) => ({
      topic,
      partition,
      offset: offsetText(resolved),
    }))
    return { topics: byTopic(offsets) }
  }

  #tell(topics: Offsets['topics']): void {
    const { instrumentation, groupId, group } = this.#options
    if (!instrumentation.hears(EVENTS.COMMIT_OFFSETS)) return
    const { memberId, generation } = group()
    instrumentation.emit(EVENTS.COMMIT_OFFSETS, { groupId, memberId, groupGenerationId: generation, topics })
  }

  /** Commits what the program says. */
  async commit(offsets: TopicPartitionOffsetAndMetadata[]): Promise<void> {
    const { consumer, partitions } = this.#options
    const flat = offsets.flatMap(({ topic, partition, offset, metadata }) => [
      topic,
      String(partition),
      String(offset),
      metadata ?? '',
    ])
    await native.consumerCommit(consumer(), flat)
    for (const { topic, partition, offset } of offsets) {
      const known = partitions.get(keyOf(topic, partition))
      if (known) known.committed = Math.max(known.committed, Number(offset))
    }
    this.#tell(byTopic(offsets))
  }

  /** Commits what is resolved by now, once a commit that is under way is through. */
  async commitNow(): Promise<void> {
    await this.#committing?.catch(() => {})
    await this.commitResolved()
  }

  /** Commits what is resolved. One commit at a time: the next one says all that came meanwhile. */
  commitResolved(): Promise<void> {
    if (this.#committing) {
      this.#again = true
      return this.#committing
    }
    const { consumer, flush, isRunning } = this.#options
    flush()
    const { topics } = this.uncommitted()
    const pending = this.#pending().map((partition) => [partition, partition.resolved] as const)
    this.#lastCommit = Date.now()
    this.#resolvedSince = 0
    if (topics.length === 0) return Promise.resolve()
    this.#committing = native
      .consumerCommitPositions(consumer())
      .then(() => {
        for (const [partition, offset] of pending) partition.committed = Math.max(partition.committed, offset)
        this.#tell(topics)
      })
      .finally(() => {
        this.#committing = undefined
        if (this.#again && isRunning()) {
          this.#again = false
          this.#commitQuietly()
        }
      })
    return this.#committing
  }

  /** A failed commit is made good by the next one. */
  #commitQuietly(): void {
    this.commitResolved().catch((e: Error) => {
      if (this.#options.isRunning()) this.#options.logger.warn(`Offsets were not committed: ${e.message}`)
    })
  }

  /** After a batch: what KafkaJS commits by itself, without making anybody wait. */
  autoCommit(): void {
    if (this.#autoCommit) this.#commitQuietly()
  }

  /** Before it is tried again. */
  async autoCommitBeforeRetry(): Promise<void> {
    if (this.#autoCommit) await this.commitResolved().catch(() => {})
  }

  isDue(): boolean {
    const { autoCommitThreshold: threshold, autoCommitInterval: interval } = this.#options.config
    if (threshold && this.#resolvedSince >= threshold) return true
    return Boolean(interval) && Date.now() - this.#lastCommit >= (interval as number)
  }

  autoCommitIfDue(): void {
    if (this.#autoCommit && this.isDue()) this.#commitQuietly()
  }
}
