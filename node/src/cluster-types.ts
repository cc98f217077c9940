// KafkaJS's view of a cluster from inside, which it hands to assigners of the program's own. No such assigner is called here, but
// programs that have one compile.

import type { ListPartitionReassignmentsResponse, PartitionReassignment } from './admin-types'
import type { Logger } from './logger'
import type { CompressionTypes, Message, PartitionMetadata, TopicOffsets, TopicPartitions } from './types'

/** All properties of one that the other does not have, as forbidden. */
export type Without<T, U> = { [name in Exclude<keyof T, keyof U>]?: never }

/** The one or the other, not both. */
export type XOR<T, U> = T | U extends object ? (Without<T, U> & U) | (Without<U, T> & T) : T | U

interface Address {
  nodeId: number
  host: string
  port: number
}

export interface CoordinatorMetadata {
  errorCode: number
  coordinator: Address
}

export interface BrokerMetadata {
  brokers: (Address & { rack?: string })[]
  topicMetadata: {
    topicErrorCode: number
    topic: string
    partitionMetadata: PartitionMetadata[]
  }[]
}

/** By a request's number. */
export interface ApiVersions {
  [apiKey: number]: { minVersion: number; maxVersion: number }
}

interface FetchRequest {
  replicaId?: number
  isolationLevel?: number
  maxWaitTime?: number
  minBytes?: number
  maxBytes?: number
  topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[]
  rackId?: string
}

interface ProduceRequest {
  topicData: { topic: string; partitions: { partition: number; firstSequence?: number; messages: Message[] }[] }[]
  transactionalId?: string
  producerId?: number
  producerEpoch?: number
  acks?: number
  timeout?: number
  compression?: CompressionTypes
}

interface OffsetCommitRequest {
  groupId: string
  groupGenerationId: number
  memberId: string
  retentionTime?: number
  topics: TopicOffsets[]
}

export type Broker = {
  isConnected(): boolean
  connect(): Promise<void>
  disconnect(): Promise<void>
  apiVersions(): Promise<ApiVersions>
  metadata(topics: string[]): Promise<BrokerMetadata>
  fetch(request: FetchRequest): Promise<any>
  produce(request: ProduceRequest): Promise<any>
  describeGroups: (options: { groupIds: string[] }) => Promise<any>
  offsetCommit(request: OffsetCommitRequest): Promise<any>
  offsetFetch(request: { groupId: string; topics: TopicOffsets[] }): Promise<{ responses: TopicOffsets[] }>
  alterPartitionReassignments(request: { topics: PartitionReassignment[]; timeout?: number }): Promise<any>
  listPartitionReassignments(request: {
    topics?: TopicPartitions[]
    timeout?: number
  }): Promise<ListPartitionReassignmentsResponse>
}

export type Cluster = {
  isConnected(): boolean
  connect(): Promise<void>
  disconnect(): Promise<void>
  getNodeIds(): number[]
  metadata(): Promise<BrokerMetadata>
  refreshMetadata(): Promise<void>
  refreshMetadataIfNecessary(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  addMultipleTargetTopics(topics: string[]): Promise<void>
  removeBroker(options: { host: string; port: number }): void
  findBroker(node: { nodeId: string }): Promise<Broker>
  findControllerBroker(): Promise<Broker>
  findTopicPartitionMetadata(topic: string): PartitionMetadata[]
  findLeaderForPartitions(topic: string, partitions: number[]): { [leader: string]: number[] }
  findGroupCoordinator(group: { groupId: string }): Promise<Broker>
  findGroupCoordinatorMetadata(group: { groupId: string }): Promise<CoordinatorMetadata>
  defaultOffset(config: { fromBeginning: boolean }): number
  fetchTopicsOffset(
    topics: ({ topic: string; partitions: { partition: number }[] } & XOR<
      { fromBeginning: boolean },
      { fromTimestamp: number }
    >)[],
  ): Promise<TopicOffsets[]>
}

export type ConsumerGroup = {
  groupId: string
  generationId: number
  memberId: string
  coordinator: Broker
}

/** The partitions of each topic. */
export type Assignment = { [topic: string]: number[] }

export type GroupMember = { memberId: string; memberMetadata: Buffer }

export type GroupMemberAssignment = { memberId: string; memberAssignment: Buffer }

export type GroupState = { name: string; metadata: Buffer }

export type Assigner = {
  name: string
  version: number
  protocol(subscription: { topics: string[] }): GroupState
  assign(group: { members: GroupMember[]; topics: string[] }): Promise<GroupMemberAssignment[]>
}

export type PartitionAssigner = (config: { cluster: Cluster; groupId: string; logger: Logger }) => Assigner

/** Turns values into bytes and back. */
export interface ISerializer<T> {
  encode(value: T): Buffer
  decode(buffer: Buffer): T | null
}
