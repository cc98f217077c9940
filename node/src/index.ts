// The package: KafkaJS's API.

export { Admin, type AdminConfig } from './admin'
export { AssignerProtocol, type MemberAssignment, type MemberMetadata } from './assigner-protocol'
export { Message as ConsumedMessage } from './batch'
export {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  CompressionCodecs,
  ConfigResourceTypes,
  ConfigSource,
  ResourcePatternTypes,
} from './constants'
export { Consumer, PartitionAssigners } from './consumer'
export {
  KafkaJSAggregateError,
  KafkaJSBrokerNotFound,
  KafkaJSConnectionClosedError,
  KafkaJSConnectionError,
  KafkaJSCreateTopicError,
  KafkaJSDeleteGroupsError,
  KafkaJSError,
  KafkaJSGroupCoordinatorNotFound,
  KafkaJSLockTimeout,
  KafkaJSMetadataNotLoaded,
  KafkaJSNonRetriableError,
  KafkaJSNotImplemented,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSOffsetOutOfRange,
  KafkaJSPartialMessageError,
  KafkaJSProtocolError,
  KafkaJSRequestTimeoutError,
  KafkaJSSASLAuthenticationError,
  KafkaJSServerDoesNotSupportApiKey,
  KafkaJSStaleTopicMetadataAssignment,
  KafkaJSTimeout,
  KafkaJSTopicMetadataNotLoaded,
  KafkaJSUnsupportedMagicByteInMessageSet,
  type OttlaErrorDetails,
} from './errors'
export type {
  BatchProcess,
  ConnectEvent,
  ConsumerCommitOffsetsEvent,
  ConsumerCrashEvent,
  ConsumerEndBatchProcessEvent,
  ConsumerFetchEvent,
  ConsumerFetchStartEvent,
  ConsumerGroupJoinEvent,
  ConsumerHeartbeatEvent,
  ConsumerReceivedUnsubcribedTopicsEvent,
  ConsumerRebalancingEvent,
  ConsumerStartBatchProcessEvent,
  DisconnectEvent,
} from './events'
export type {
  InstrumentationEvent,
  RemoveInstrumentationEventListener,
  RequestEvent,
  RequestQueueSizeEvent,
  RequestTimeoutEvent,
} from './instrumentation'
export { Kafka } from './kafka'
export { type LogEntry, type Logger, type LoggerEntryContent, type logCreator, logLevel } from './logger'
export { Partitioners } from './partitioners'
export { Producer } from './producer'
export * from './types'
