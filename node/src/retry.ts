// KafkaJS's retries: how long between them, and which errors are worth one.

import type { RetryOptions } from './types'

export const DEFAULT_RETRY = {
  maxRetryTime: 30000,
  initialRetryTime: 300,
  factor: 0.2,
  multiplier: 2,
  retries: 5,
}

export type Retry = Required<Omit<RetryOptions, 'restartOnFailure'>>

const UNRECOVERABLE = new Set(['RangeError', 'ReferenceError', 'SyntaxError', 'TypeError'])

/** Whether to call a handler again: unless its error says no, or is a mistake in the program. */
export function isRetriable(e: unknown): boolean {
  const { retriable, name } = (e ?? {}) as { retriable?: boolean; name?: string }
  return retriable !== false && !UNRECOVERABLE.has(name ?? '')
}

function jitter(factor: number, time: number): number {
  return Math.ceil(time * (1 - factor + 2 * factor * Math.random()))
}

/** The wait before the first retry, or the one after a wait. */
export function nextRetryTime(retry: Retry, before?: number): number {
  const { factor, multiplier, maxRetryTime, initialRetryTime } = retry
  if (before === undefined) return jitter(factor, initialRetryTime)
  return Math.min(jitter(factor, before) * multiplier, maxRetryTime)
}

/** A wait that can be given up; `elapsed` tells whether it was not. */
export function cancellable(ms: number): { elapsed: Promise<boolean>; cancel(): void } {
  let cancel = (): void => {}
  const elapsed = new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(true), ms)
    cancel = () => {
      clearTimeout(timer)
      resolve(false)
    }
  })
  return { elapsed, cancel }
}
