// The consumer's instrumentation events: their names, and what each tells.

import type { InstrumentationEvent } from './instrumentation'
import type { TopicOffsets } from './types'

export const EVENTS = {
  HEARTBEAT: 'consumer.heartbeat',
  COMMIT_OFFSETS: 'consumer.commit_offsets',
  GROUP_JOIN: 'consumer.group_join',
  FETCH: 'consumer.fetch',
  FETCH_START: 'consumer.fetch_start',
  START_BATCH_PROCESS: 'consumer.start_batch_process',
  END_BATCH_PROCESS: 'consumer.end_batch_process',
  CONNECT: 'consumer.connect',
  DISCONNECT: 'consumer.disconnect',
  STOP: 'consumer.stop',
  CRASH: 'consumer.crash',
  REBALANCING: 'consumer.rebalancing',
  RECEIVED_UNSUBSCRIBED_TOPICS: 'consumer.received_unsubscribed_topics',
  REQUEST: 'consumer.network.request',
  REQUEST_TIMEOUT: 'consumer.network.request_timeout',
  REQUEST_QUEUE_SIZE: 'consumer.network.request_queue_size',
} as const

export type ConnectEvent = InstrumentationEvent<null>
export type DisconnectEvent = InstrumentationEvent<null>

export type ConsumerGroupJoinEvent = InstrumentationEvent<{
  groupId: string
  memberId: string
  leaderId: string
  isLeader: boolean
  /** The partitions of each topic that this member has now. */
  memberAssignment: Record<string, number[]>
  groupProtocol: string
  /** In milliseconds, as all durations here. */
  duration: number
}>

export type ConsumerRebalancingEvent = InstrumentationEvent<{ groupId: string; memberId: string }>

/** Spelt as in KafkaJS. */
export type ConsumerReceivedUnsubcribedTopicsEvent = InstrumentationEvent<{
  groupId: string
  generationId: number
  memberId: string
  assignedTopics: string[]
  topicsSubscribed: string[]
  topicsNotSubscribed: string[]
}>

export type ConsumerHeartbeatEvent = InstrumentationEvent<{
  groupId: string
  memberId: string
  groupGenerationId: number
}>

export type ConsumerCommitOffsetsEvent = InstrumentationEvent<{
  groupId: string
  memberId: string
  groupGenerationId: number
  topics: TopicOffsets[]
}>

export type ConsumerFetchStartEvent = InstrumentationEvent<{ nodeId: number }>

export type ConsumerFetchEvent = InstrumentationEvent<{ nodeId: number; numberOfBatches: number; duration: number }>

export interface BatchProcess {
  topic: string
  partition: number
  highWatermark: string
  offsetLag: string
  offsetLagLow: string
  batchSize: number
  firstOffset: string
  lastOffset: string
}

export type ConsumerStartBatchProcessEvent = InstrumentationEvent<BatchProcess>

export type ConsumerEndBatchProcessEvent = InstrumentationEvent<BatchProcess & { duration: number }>

export type ConsumerCrashEvent = InstrumentationEvent<{ groupId: string; error: Error; restart: boolean }>
