// A partition as a running consumer has it.

import type { FetchedBatch } from './batch'

/** The key of a partition among others. */
export const keyOf = (topic: string, partition: number): string => `${topic}:${partition}`

/** A partition that this member has. */
export class Partition {
  /** A handler is under way. */
  isBusy = false
  /** What was taken may not be handed out any more: given up, lost or sought in. */
  isStale = false
  /** Counts the seeks: what was taken before one says nothing of what is consumed after it. */
  stretch = 0
  /** It is being given up, or gone. */
  isRevoked = false
  /** The offset behind the last message that is done with, -1 before the first. */
  resolved = -1
  committed = -1
  /** The batch that is being handed out. */
  batch: FetchedBatch | undefined
  /** The program has said of the batch which of its messages are done with. */
  isTracked = false
  /** How often in a row its handler has failed, and how long was waited after the last time. */
  failures = 0
  retryTime: number | undefined
  /** With several partitions at once: somebody goes through its batches. */
  isWorkedOn = false
  /** Batches enough wait for it: the core hands out no more of it. */
  isHeld = false
  /** Batches that wait for it: with several partitions at once. */
  readonly queue: FetchedBatch[] = []
  #waiters: (() => void)[] = []

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  rest(): void {
    this.isBusy = false
    if (this.#waiters.length === 0) return
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }

  atRest(): Promise<void> | undefined {
    return this.isBusy ? new Promise((resolve) => this.#waiters.push(resolve)) : undefined
  }
}
