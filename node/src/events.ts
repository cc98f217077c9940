// Instrumentation events: the consumer's names, and what each tells.

import type {
  InstrumentationEvent,
  RequestEvent,
  RequestQueueSizeEvent,
  RequestTimeoutEvent,
} from './instrumentation'
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

export interface IMemberAssignment {
  [topic: string]: number[]
}

export type ConsumerGroupJoinEvent = InstrumentationEvent<{
  groupId: string
  memberId: string
  leaderId: string
  isLeader: boolean
  /** The partitions of each topic that this member has now. */
  memberAssignment: IMemberAssignment
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

export interface IBatchProcessEvent {
  topic: string
  partition: number
  highWatermark: string
  offsetLag: string
  offsetLagLow: string
  batchSize: number
  firstOffset: string
  lastOffset: string
}

export type ConsumerStartBatchProcessEvent = InstrumentationEvent<IBatchProcessEvent>

export type ConsumerEndBatchProcessEvent = InstrumentationEvent<IBatchProcessEvent & { duration: number }>

export type ConsumerCrashEvent = InstrumentationEvent<{ groupId: string; error: Error; restart: boolean }>

export type ValueOf<T> = T[keyof T]

type Mutable<T> = { -readonly [name in keyof T]: T[name] }

/** The names of a client's events, by short names. */
type Events<Owner extends string> = {
  CONNECT: `${Owner}.connect`
  DISCONNECT: `${Owner}.disconnect`
  REQUEST: `${Owner}.network.request`
  REQUEST_TIMEOUT: `${Owner}.network.request_timeout`
  REQUEST_QUEUE_SIZE: `${Owner}.network.request_queue_size`
}

export type ProducerEvents = Events<'producer'>
export type AdminEvents = Events<'admin'>
export type ConsumerEvents = Mutable<typeof EVENTS>

/** What each event of a client tells, by its name. */
type CommonPayloads<E extends Events<string>> = Record<E['CONNECT'], ConnectEvent> &
  Record<E['DISCONNECT'], DisconnectEvent> &
  Record<E['REQUEST'], RequestEvent> &
  Record<E['REQUEST_TIMEOUT'], RequestTimeoutEvent> &
  Record<E['REQUEST_QUEUE_SIZE'], RequestQueueSizeEvent>

export type ProducerEventsByName = CommonPayloads<ProducerEvents>
export type AdminEventsByName = CommonPayloads<AdminEvents>
export type ConsumerEventsByName = CommonPayloads<Events<'consumer'>> & {
  'consumer.heartbeat': ConsumerHeartbeatEvent
  'consumer.commit_offsets': ConsumerCommitOffsetsEvent
  'consumer.group_join': ConsumerGroupJoinEvent
  'consumer.fetch_start': ConsumerFetchStartEvent
  'consumer.fetch': ConsumerFetchEvent
  'consumer.start_batch_process': ConsumerStartBatchProcessEvent
  'consumer.end_batch_process': ConsumerEndBatchProcessEvent
  'consumer.stop': InstrumentationEvent<null>
  'consumer.crash': ConsumerCrashEvent
  'consumer.rebalancing': ConsumerRebalancingEvent
  'consumer.received_unsubscribed_topics': ConsumerReceivedUnsubcribedTopicsEvent
}

/** Ends what `on` began; it is KafkaJS's type, which is told the event's name. */
export type RemoveInstrumentationEventListener<_Name> = () => void

/** How a listener of one event comes, or of one of several. */
type On<Name extends string, Event> = (
  eventName: Name,
  listener: (event: Event) => void,
) => RemoveInstrumentationEventListener<Name>

/** All of a union at once; of functions: overloads. */
type AllOf<Union> = (Union extends unknown ? (one: Union) => void : never) extends (all: infer All) => void ? All : never

export interface Listenable<ByName> {
  on: AllOf<{ [Name in keyof ByName & string]: On<Name, ByName[Name]> }[keyof ByName & string]> &
    On<keyof ByName & string, InstrumentationEvent<any>>
}
