// KafkaJS's errors by name, and which of them an error of the core's is.

import { native } from './native'

interface Cause {
  retriable?: boolean
  cause?: unknown
}

function messageOf(e: Error | string): string {
  return typeof e === 'string' ? e : e.message
}

export class KafkaJSError extends Error {
  override name = 'KafkaJSError'
  readonly retriable: boolean
  readonly helpUrl?: string
  override readonly cause?: unknown

  constructor(e: Error | string, { retriable = true, cause }: Cause = {}) {
    super(messageOf(e))
    this.retriable = retriable
    if (cause !== undefined) this.cause = cause
  }
}

export class KafkaJSNonRetriableError extends KafkaJSError {
  override name = 'KafkaJSNonRetriableError'
  constructor(e: Error | string, { cause }: Cause = {}) {
    super(e, { retriable: false, cause })
  }
}

export class KafkaJSProtocolError extends KafkaJSError {
  override name = 'KafkaJSProtocolError'
  /** Kafka's name of the error. */
  readonly type: string
  /** Kafka's number of the error. */
  readonly code: number

  constructor(e: (Error & { type?: string; code?: number | string }) | string, options: Cause = {}) {
    const { type, code, retriable } = typeof e === 'string' ? ({} as never) : (e as never)
    super(e, { retriable: options.retriable ?? retriable ?? false, cause: options.cause })
    this.type = type ?? 'UNKNOWN'
    this.code = Number(code ?? -1)
  }
}

export class KafkaJSOffsetOutOfRange extends KafkaJSProtocolError {
  override name = 'KafkaJSOffsetOutOfRange'
  readonly topic: string
  readonly partition: number
  constructor(e: Error | string, { topic, partition }: { topic: string; partition: number }) {
    super(e)
    this.topic = topic
    this.partition = partition
  }
}

export class KafkaJSCreateTopicError extends KafkaJSProtocolError {
  override name = 'KafkaJSCreateTopicError'
  readonly topic: string
  constructor(e: Error | string, topic: string) {
    super(e)
    this.topic = topic
  }
}

export class KafkaJSNumberOfRetriesExceeded extends KafkaJSNonRetriableError {
  override name = 'KafkaJSNumberOfRetriesExceeded'
  readonly retryCount: number
  readonly retryTime: number
  constructor(e: Error | string, { retryCount, retryTime }: { retryCount: number; retryTime: number }) {
    super(e, { cause: e })
    this.retryCount = retryCount
    this.retryTime = retryTime
  }
}

export class KafkaJSConnectionError extends KafkaJSError {
  override name = 'KafkaJSConnectionError'
  readonly broker?: string
  readonly code?: string
  constructor(e: Error | string, { broker, code, cause }: { broker?: string; code?: string } & Cause = {}) {
    super(e, { cause })
    this.broker = broker
    this.code = code
  }
}

export class KafkaJSConnectionClosedError extends KafkaJSConnectionError {
  override name = 'KafkaJSConnectionClosedError'
}

export class KafkaJSRequestTimeoutError extends KafkaJSError {
  override name = 'KafkaJSRequestTimeoutError'
  readonly broker?: string
  constructor(e: Error | string, { broker, cause }: { broker?: string } & Cause = {}) {
    super(e, { cause })
    this.broker = broker
  }
}

export class KafkaJSMetadataNotLoaded extends KafkaJSError {
  override name = 'KafkaJSMetadataNotLoaded'
}

export class KafkaJSTopicMetadataNotLoaded extends KafkaJSMetadataNotLoaded {
  override name = 'KafkaJSTopicMetadataNotLoaded'
  readonly topic?: string
  constructor(e: Error | string, { topic }: { topic?: string } = {}) {
    super(e)
    this.topic = topic
  }
}

export class KafkaJSStaleTopicMetadataAssignment extends KafkaJSError {
  override name = 'KafkaJSStaleTopicMetadataAssignment'
}

export class KafkaJSServerDoesNotSupportApiKey extends KafkaJSNonRetriableError {
  override name = 'KafkaJSServerDoesNotSupportApiKey'
}

export class KafkaJSBrokerNotFound extends KafkaJSError {
  override name = 'KafkaJSBrokerNotFound'
}

export class KafkaJSPartialMessageError extends KafkaJSNonRetriableError {
  override name = 'KafkaJSPartialMessageError'
}

export class KafkaJSSASLAuthenticationError extends KafkaJSNonRetriableError {
  override name = 'KafkaJSSASLAuthenticationError'
}

export class KafkaJSGroupCoordinatorNotFound extends KafkaJSNonRetriableError {
  override name = 'KafkaJSGroupCoordinatorNotFound'
}

export class KafkaJSNotImplemented extends KafkaJSNonRetriableError {
  override name = 'KafkaJSNotImplemented'
}

export class KafkaJSTimeout extends KafkaJSNonRetriableError {
  override name = 'KafkaJSTimeout'
}

export class KafkaJSLockTimeout extends KafkaJSTimeout {
  override name = 'KafkaJSLockTimeout'
}

export class KafkaJSUnsupportedMagicByteInMessageSet extends KafkaJSNonRetriableError {
  override name = 'KafkaJSUnsupportedMagicByteInMessageSet'
}

export class KafkaJSDeleteGroupsError extends KafkaJSError {
  override name = 'KafkaJSDeleteGroupsError'
  readonly groups: unknown[]
  constructor(e: Error | string, groups: unknown[] = []) {
    super(e)
    this.groups = groups
  }
}

export class KafkaJSAggregateError extends Error {
  override name = 'KafkaJSAggregateError'
  readonly errors: (Error | string)[]
  constructor(message: Error | string, errors: (Error | string)[]) {
    super(messageOf(message))
    this.errors = errors
  }
}

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
          ? new KafkaJSOffsetOutOfRange(Object.assign(new Error(message), { type, code }), {
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
