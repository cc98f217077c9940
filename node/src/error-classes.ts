// KafkaJS's errors by name.

import type { DeleteGroupsResult } from './admin-types'
import type { PartitionMetadata } from './types'

export interface KafkaJSErrorMetadata {
  retriable?: boolean
  topic?: string
  partitionId?: number
  metadata?: PartitionMetadata
}

export interface KafkaJSOffsetOutOfRangeMetadata {
  topic: string
  partition: number
}

export interface KafkaJSNumberOfRetriesExceededMetadata {
  retryCount: number
  retryTime: number
}

export interface KafkaJSConnectionErrorMetadata {
  broker?: string
  code?: string
}

export interface KafkaJSRequestTimeoutErrorMetadata {
  broker: string
  clientId: string
  correlationId: number
  createdAt: number
  sentAt: number
  pendingDuration: number
}

export interface KafkaJSTopicMetadataNotLoadedMetadata {
  topic: string
}

export interface KafkaJSStaleTopicMetadataAssignmentMetadata {
  topic: string
  unknownPartitions: PartitionMetadata[]
}

export interface KafkaJSServerDoesNotSupportApiKeyMetadata {
  apiKey: number
  apiName: string
}

export interface KafkaJSDeleteGroupsErrorGroups {
  groupId: string
  errorCode: number
  error: KafkaJSError
}

export interface KafkaJSDeleteTopicRecordsErrorPartition {
  partition: number
  offset: string
  error: KafkaJSError
}

export interface KafkaJSDeleteTopicRecordsErrorTopic {
  topic: string
  partitions: KafkaJSDeleteTopicRecordsErrorPartition[]
}

interface Caused {
  cause?: unknown
}

function messageOf(e: Error | string): string {
  return typeof e === 'string' ? e : e.message
}

export class KafkaJSError extends Error {
  override name = 'KafkaJSError'
  readonly retriable: boolean
  readonly helpUrl?: string
  override readonly cause?: Error

  constructor(e: Error | string = '', { retriable = true, cause }: KafkaJSErrorMetadata & Caused = {}) {
    super(messageOf(e))
    this.retriable = retriable
    this.helpUrl = (e as { helpUrl?: string }).helpUrl
    if (cause !== undefined) this.cause = cause as Error
  }
}

export class KafkaJSNonRetriableError extends KafkaJSError {
  override name = 'KafkaJSNonRetriableError'
  constructor(e?: Error | string, { cause }: Caused = {}) {
    super(e, { retriable: false, cause })
  }
}

export class KafkaJSProtocolError extends KafkaJSError {
  override name = 'KafkaJSProtocolError'
  /** Kafka's name of the error. */
  readonly type: string
  /** Kafka's number of the error. */
  readonly code: number

  constructor(e: Error | string, options: { retriable?: boolean } & Caused = {}) {
    const { type, code, retriable } = e as { type?: string; code?: number | string; retriable?: boolean }
    super(e, { retriable: options.retriable ?? retriable, cause: options.cause })
    this.type = type ?? 'UNKNOWN'
    this.code = Number(code ?? -1)
  }
}

export class KafkaJSOffsetOutOfRange extends KafkaJSProtocolError {
  override name = 'KafkaJSOffsetOutOfRange'
  readonly topic: string
  readonly partition: number
  constructor(e: Error | string, { topic, partition }: Partial<KafkaJSOffsetOutOfRangeMetadata> = {}) {
    super(e)
    this.topic = topic as string
    this.partition = partition as number
  }
}

export class KafkaJSMemberIdRequired extends KafkaJSProtocolError {
  override name = 'KafkaJSMemberIdRequired'
  readonly memberId: string
  constructor(e: Error | string, { memberId }: { memberId: string }) {
    super(e)
    this.memberId = memberId
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

export class KafkaJSAlterPartitionReassignmentsError extends KafkaJSProtocolError {
  override name = 'KafkaJSAlterPartitionReassignmentsError'
  readonly topic?: string
  readonly partition?: number
  constructor(e: Error | string, topic?: string, partition?: number) {
    super(e)
    this.topic = topic
    this.partition = partition
  }
}

export class KafkaJSNumberOfRetriesExceeded extends KafkaJSNonRetriableError {
  override name = 'KafkaJSNumberOfRetriesExceeded'
  declare readonly stack: string
  readonly retryCount: number
  readonly retryTime: number
  constructor(e: Error | string, { retryCount, retryTime }: Partial<KafkaJSNumberOfRetriesExceededMetadata> = {}) {
    super(e, { cause: e })
    this.retryCount = retryCount as number
    this.retryTime = retryTime as number
  }
}

export class KafkaJSConnectionError extends KafkaJSError {
  override name = 'KafkaJSConnectionError'
  readonly broker: string
  readonly code?: string
  constructor(e: Error | string, { broker, code, cause }: KafkaJSConnectionErrorMetadata & Caused = {}) {
    super(e, { cause })
    this.broker = broker as string
    this.code = code
  }
}

export class KafkaJSConnectionClosedError extends KafkaJSConnectionError {
  override name = 'KafkaJSConnectionClosedError'
  readonly host?: string
  readonly port?: number
  constructor(e: Error | string, { host, port }: { host?: string; port?: number } = {}) {
    super(e, { broker: `${host}:${port}` })
    this.host = host
    this.port = port
  }
}

export class KafkaJSRequestTimeoutError extends KafkaJSError {
  override name = 'KafkaJSRequestTimeoutError'
  readonly broker: string
  readonly correlationId: number
  readonly createdAt: number
  readonly sentAt: number
  readonly pendingDuration: number
  constructor(e: Error | string, metadata: Partial<KafkaJSRequestTimeoutErrorMetadata> & Caused = {}) {
    const { broker, correlationId, createdAt, sentAt, pendingDuration } = metadata as KafkaJSRequestTimeoutErrorMetadata
    super(e, { cause: metadata.cause })
    this.broker = broker
    this.correlationId = correlationId
    this.createdAt = createdAt
    this.sentAt = sentAt
    this.pendingDuration = pendingDuration
  }
}

export class KafkaJSMetadataNotLoaded extends KafkaJSError {
  override name = 'KafkaJSMetadataNotLoaded'
}

export class KafkaJSTopicMetadataNotLoaded extends KafkaJSMetadataNotLoaded {
  override name = 'KafkaJSTopicMetadataNotLoaded'
  readonly topic: string
  constructor(e: Error | string, { topic }: Partial<KafkaJSTopicMetadataNotLoadedMetadata> = {}) {
    super(e)
    this.topic = topic as string
  }
}

export class KafkaJSStaleTopicMetadataAssignment extends KafkaJSError {
  override name = 'KafkaJSStaleTopicMetadataAssignment'
  readonly topic: string
  /** KafkaJS's type says so; they are what was passed. */
  readonly unknownPartitions: number
  constructor(e: Error | string, metadata: Partial<KafkaJSStaleTopicMetadataAssignmentMetadata> = {}) {
    super(e)
    this.topic = metadata.topic as string
    this.unknownPartitions = metadata.unknownPartitions as unknown as number
  }
}

export class KafkaJSServerDoesNotSupportApiKey extends KafkaJSNonRetriableError {
  override name = 'KafkaJSServerDoesNotSupportApiKey'
  readonly apiKey: number
  readonly apiName: string
  constructor(e: Error | string, { apiKey, apiName }: Partial<KafkaJSServerDoesNotSupportApiKeyMetadata> = {}) {
    super(e)
    this.apiKey = apiKey as number
    this.apiName = apiName as string
  }
}

export class KafkaJSBrokerNotFound extends KafkaJSError {
  override name = 'KafkaJSBrokerNotFound'
}

export class KafkaJSNoBrokerAvailableError extends KafkaJSError {
  override name = 'KafkaJSNoBrokerAvailableError'
  constructor() {
    super('No broker is available')
  }
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

export class KafkaJSInvariantViolation extends KafkaJSNonRetriableError {
  override name = 'KafkaJSInvariantViolation'
  constructor(e: Error | string) {
    super(`Something that can’t be has happened: ${messageOf(e)}`)
  }
}

/** Its `name` is its parent's, as in KafkaJS. */
export class KafkaJSInvalidVarIntError extends KafkaJSNonRetriableError {}

/** Its `name` is its parent's, as in KafkaJS. */
export class KafkaJSInvalidLongError extends KafkaJSNonRetriableError {}

/** No KafkaJSError there either. */
export class KafkaJSFetcherRebalanceError extends Error {}

export class KafkaJSDeleteGroupsError extends KafkaJSError {
  override name = 'KafkaJSDeleteGroupsError'
  readonly groups: DeleteGroupsResult[]
  constructor(e: Error | string, groups: (DeleteGroupsResult | KafkaJSDeleteGroupsErrorGroups)[] = []) {
    super(e)
    this.groups = groups as DeleteGroupsResult[]
  }
}

export class KafkaJSDeleteTopicRecordsError extends KafkaJSError {
  override name = 'KafkaJSDeleteTopicRecordsError'
  readonly partitions: KafkaJSDeleteTopicRecordsErrorPartition[]
  /** To be retried if each of what went wrong is. */
  constructor({ partitions }: KafkaJSDeleteTopicRecordsErrorTopic) {
    const failed = partitions.filter(({ error }) => error !== null && error !== undefined)
    super('Records could not be deleted', { retriable: failed.every(({ error }) => error.retriable === true) })
    this.partitions = partitions
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
