// KafkaJS's errors, and which of them an error of the core's is.

import {
  KafkaJSConnectionError,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSNotImplemented,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSOffsetOutOfRange,
  KafkaJSProtocolError,
  KafkaJSRequestTimeoutError,
  KafkaJSServerDoesNotSupportApiKey,
} from './error-classes'
import { native } from './native'

export * from './error-classes'

/** The core goes by time, and does not count. */
export const RETRIED = { retryCount: -1, retryTime: 0 }

/** What the core tells of an error. */
interface Fields {
  message: string
  type: string
  code: number
  kind: string
  retriable: boolean
  fatal: boolean
  possiblyWritten: boolean
  topic?: string
  partition?: number
  offset?: string
  nextOffset?: string
  broker?: string
}

/** What is known beyond KafkaJS's own properties; on each error that the core made. */
export interface OttlaErrorDetails {
  /** Who is to blame, in the core's words. */
  kind: string
  /** Whether the client instance can't go on. */
  fatal: boolean
  /** Of a failed send: whether messages may be in the log all the same. */
  possiblyWritten: boolean
  topic?: string
  partition?: number
  offset?: string
  nextOffset?: string
  broker?: string
}

function make(fields: Fields): Error {
  const { message, type, code, kind, retriable, broker, topic, partition } = fields
  let error: Error
  switch (kind) {
    case 'Transport':
    case 'Resolve':
    case 'AllBrokersDown':
      error = new KafkaJSConnectionError(message, { broker, code: type })
      break
    case 'MsgTimedOut':
      // The core has tried it again and again, until its time was over.
      error = new KafkaJSNumberOfRetriesExceeded(new KafkaJSError(message), RETRIED)
      break
    case 'Timeout':
      error = new KafkaJSRequestTimeoutError(message, { broker })
      break
    case 'UnknownTopic':
      error = new KafkaJSProtocolError(
        Object.assign(new Error(message), { type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3, retriable: false }),
      )
      break
    case 'Broker':
    case 'RecordTooLarge':
    case 'OffsetReset':
      error =
        kind === 'OffsetReset' || code === 1
          ? new KafkaJSOffsetOutOfRange(Object.assign(new Error(message), { type, code, retriable: false }), {
              topic: topic ?? '',
              partition: partition ?? -1,
            })
          : new KafkaJSProtocolError(Object.assign(new Error(message), { type, code }), { retriable })
      break
    case 'UnsupportedVersion':
    case 'UnsupportedFeature':
      error = new KafkaJSServerDoesNotSupportApiKey(message)
      break
    default:
      error = retriable ? new KafkaJSError(message) : new KafkaJSNonRetriableError(message)
  }
  const { kind: _kind, message: _message, type: _type, code: _code, retriable: _retriable, ...rest } = fields
  for (const [name, value] of Object.entries({ kind, ...rest })) {
    if (value !== undefined && !(name in error && (error as never)[name] !== undefined)) {
      Object.defineProperty(error, name, { value, enumerable: true, configurable: true })
    }
  }
  return error
}

native.setMakeError(make as never)

/** Refuses what is not there yet, by name. */
export function notImplemented(what: string): KafkaJSNotImplemented {
  return new KafkaJSNotImplemented(`${what} is not implemented yet: see COMPAT.md for what is`)
}
