// Instrumentation events, as KafkaJS emits them.

import { EventEmitter } from 'node:events'

import { KafkaJSNonRetriableError } from './errors'
import type { Logger } from './logger'

export interface InstrumentationEvent<T> {
  id: string
  type: string
  timestamp: number
  payload: T
}

/** Of a request: times in milliseconds, `createdAt` and `sentAt` since the epoch. */
interface SentRequest {
  apiKey: number
  apiName: string
  apiVersion: number
  /** `HOST:PORT`. */
  broker: string
  clientId: string
  correlationId: number
  createdAt: number
  pendingDuration: number
  sentAt: number
}

/** `size` is the answer's, in bytes. */
export type RequestEvent = InstrumentationEvent<SentRequest & { duration: number; size: number }>
export type RequestTimeoutEvent = InstrumentationEvent<SentRequest>
export type RequestQueueSizeEvent = InstrumentationEvent<{ broker: string; clientId: string; queueSize: number }>

export type RemoveInstrumentationEventListener = () => void

export type Listener<T> = (event: InstrumentationEvent<T>) => unknown

let next = 0

export class Instrumentation {
  readonly #emitter = new EventEmitter()
  readonly #names: Set<string>
  /** Called when a listener has come or gone. */
  onListeners: (() => void) | undefined

  constructor(
    readonly owner: string,
    readonly events: Readonly<Record<string, string>>,
    readonly logger: Logger,
  ) {
    this.#names = new Set(Object.values(events))
  }

  /** Whether somebody listens: payloads that nobody gets need not be made. */
  hears(type: string): boolean {
    return this.#emitter.listenerCount(type) > 0
  }

  emit(type: string, payload: unknown = null): void {
    if (!this.hears(type)) return
    const event = { id: next++, type, timestamp: Date.now(), payload }
    this.#emitter.emit(type, event)
  }

  on<T>(type: string, listener: Listener<T>): RemoveInstrumentationEventListener {
    if (!this.#names.has(type)) {
      const known = Object.keys(this.events).map((key) => `${this.owner}.events.${key}`)
      throw new KafkaJSNonRetriableError(`Event name should be one of ${known.join(', ')}`)
    }
    const heard = (event: InstrumentationEvent<T>): void => {
      const failed = (e: Error | undefined): void =>
        this.logger.error(`Failed to execute listener: ${e?.message ?? e}`, { eventName: type, stack: e?.stack })
      try {
        Promise.resolve(listener(event)).catch(failed)
      } catch (e) {
        failed(e as Error)
      }
    }
    this.#emitter.on(type, heard)
    this.onListeners?.()
    return () => {
      this.#emitter.off(type, heard)
      this.onListeners?.()
    }
  }
}
