// The package: KafkaJS's API.

export { AssignerProtocol, type MemberAssignment, type MemberMetadata } from './assigner-protocol'
export { Message as ConsumedMessage } from './batch'
export type { Admin, Consumer, IterableConsumer, Producer, Sender, Transaction } from './clients'
export {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  CompressionCodecs,
  ConfigResourceTypes,
  ConfigSource,
  ResourcePatternTypes,
} from './constants'
export { PartitionAssigners } from './consumer'
export * from './error-classes'
export type { OttlaErrorDetails } from './errors'
export type {
  AdminEvents,
  ConnectEvent,
  ConsumerCommitOffsetsEvent,
  ConsumerCrashEvent,
  ConsumerEndBatchProcessEvent,
  ConsumerEvents,
  ConsumerFetchEvent,
  ConsumerFetchStartEvent,
  ConsumerGroupJoinEvent,
  ConsumerHeartbeatEvent,
  ConsumerReceivedUnsubcribedTopicsEvent,
  ConsumerRebalancingEvent,
  ConsumerStartBatchProcessEvent,
  DisconnectEvent,
  IBatchProcessEvent,
  IMemberAssignment,
  ProducerEvents,
  RemoveInstrumentationEventListener,
  ValueOf,
} from './events'
export type { InstrumentationEvent, RequestEvent, RequestQueueSizeEvent, RequestTimeoutEvent } from './instrumentation'
export { Kafka } from './kafka'
export { type LogEntry, type Logger, type LoggerEntryContent, type logCreator, logLevel } from './logger'
export { Partitioners } from './partitioners'
export * from './types'
