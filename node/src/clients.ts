// Producers, consumers and admins as programs see them. They are types of what there is to call and no more, as in KafkaJS, so
// that a program's tests can have others in their place.

import type {
  AclEntry,
  AclFilter,
  DeleteAclResponse,
  DeleteGroupsResult,
  DescribeAclResponse,
  DescribeConfigResponse,
  FetchOffsetsPartition,
  GroupDescription,
  GroupDescriptions,
  GroupOverview,
  IResourceConfig,
  ITopicConfig,
  ITopicMetadata,
  ITopicPartitionConfig,
  ListPartitionReassignmentsResponse,
  PartitionReassignment,
  ResourceConfigQuery,
  SeekEntry,
} from './admin-types'
import type { Message } from './batch'
import type {
  AdminEvents,
  AdminEventsByName,
  ConsumerEvents,
  ConsumerEventsByName,
  Listenable,
  ProducerEvents,
  ProducerEventsByName,
} from './events'
import type { Logger } from './logger'
import type {
  ConsumerRunConfig,
  ConsumerSubscribeTopic,
  ConsumerSubscribeTopics,
  Offsets,
  ProducerBatch,
  ProducerRecord,
  RecordMetadata,
  TopicPartitionOffset,
  TopicPartitionOffsetAndMetadata,
  TopicPartitions,
} from './types'

interface Connectable {
  connect(): Promise<void>
  disconnect(): Promise<void>
  logger(): Logger
}

export type Sender = {
  send(record: ProducerRecord): Promise<RecordMetadata[]>
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>
}

export type Producer = Sender &
  Connectable &
  Listenable<ProducerEventsByName> & {
    readonly events: ProducerEvents
    isIdempotent(): boolean
    /** Refused. */
    transaction(): Promise<Transaction>
  }

export type Transaction = Sender & {
  sendOffsets(offsets: Offsets & { consumerGroupId: string }): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
  isActive(): boolean
}

/** A topic's partitions, or all that it has. */
interface SomePartitions {
  topic: string
  partitions?: number[]
}

export type Consumer = Connectable &
  Listenable<ConsumerEventsByName> & {
    readonly events: ConsumerEvents
    subscribe(subscription: ConsumerSubscribeTopics | ConsumerSubscribeTopic): Promise<void>
    run(config?: ConsumerRunConfig): Promise<void>
    stop(): Promise<void>
    seek(topicPartitionOffset: TopicPartitionOffset): void
    pause(topics: SomePartitions[]): void
    resume(topics: SomePartitions[]): void
    paused(): TopicPartitions[]
    commitOffsets(topicPartitions: TopicPartitionOffsetAndMetadata[]): Promise<void>
    describeGroup(): Promise<GroupDescription>
  }

/** What `kafka.consumer()` is. Beyond KafkaJS: `for await (const message of consumer)`, instead of `run`. */
export type IterableConsumer = Consumer & {
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined>
}

/** COMPAT.md says which of the methods refuse. */
export type Admin = Connectable &
  Listenable<AdminEventsByName> & {
    readonly events: AdminEvents

    listTopics(): Promise<string[]>
    createTopics(options: {
      topics: ITopicConfig[]
      validateOnly?: boolean
      waitForLeaders?: boolean
      timeout?: number
    }): Promise<boolean>
    deleteTopics(options: { topics: string[]; timeout?: number }): Promise<void>
    createPartitions(options: {
      topicPartitions: ITopicPartitionConfig[]
      validateOnly?: boolean
      timeout?: number
    }): Promise<boolean>
    fetchTopicMetadata(options?: { topics?: string[] }): Promise<{ topics: ITopicMetadata[] }>
    fetchTopicOffsets(topic: string): Promise<(SeekEntry & { high: string; low: string })[]>
    fetchTopicOffsetsByTimestamp(topic: string, timestamp?: number): Promise<SeekEntry[]>
    deleteTopicRecords(options: { topic: string; partitions: SeekEntry[] }): Promise<void>

    describeCluster(): Promise<{
      brokers: { nodeId: number; host: string; port: number }[]
      controller: number | null
      clusterId: string
    }>
    alterPartitionReassignments(request: { topics: PartitionReassignment[]; timeout?: number }): Promise<void>
    listPartitionReassignments(request: {
      topics?: TopicPartitions[]
      timeout?: number
    }): Promise<ListPartitionReassignmentsResponse>

    describeConfigs(configs: {
      resources: ResourceConfigQuery[]
      includeSynonyms: boolean
    }): Promise<DescribeConfigResponse>
    alterConfigs(configs: { resources: IResourceConfig[]; validateOnly: boolean }): Promise<any>

    describeAcls(options: AclFilter): Promise<DescribeAclResponse>
    createAcls(options: { acl: AclEntry[] }): Promise<boolean>
    deleteAcls(options: { filters: AclFilter[] }): Promise<DeleteAclResponse>

    listGroups(): Promise<{ groups: GroupOverview[] }>
    describeGroups(groupIds: string[]): Promise<GroupDescriptions>
    deleteGroups(groupIds: string[]): Promise<DeleteGroupsResult[]>
    fetchOffsets(options: {
      groupId: string
      topics?: string[]
      resolveOffsets?: boolean
    }): Promise<{ topic: string; partitions: FetchOffsetsPartition[] }[]>
    setOffsets(options: { groupId: string; topic: string; partitions: SeekEntry[] }): Promise<void>
    resetOffsets(options: { groupId: string; topic: string; earliest?: boolean }): Promise<void>
  }
