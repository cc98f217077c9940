// KafkaJS's admin: topics and the cluster.

import type { Admin as AdminType } from './clients'
import { Connection, properties } from './connection'
import {
  KafkaJSAggregateError,
  KafkaJSCreateTopicError,
  KafkaJSNonRetriableError,
  KafkaJSProtocolError,
  notImplemented,
} from './errors'
import { Instrumentation, type Listener, type RemoveInstrumentationEventListener } from './instrumentation'
import type { Logger } from './logger'
import * as groups from './groups'
import { native } from './native'
import type {
  AdminConfig,
  DeleteGroupsResult,
  FetchOffsetsPartition,
  GroupDescriptions,
  GroupOverview,
  ITopicConfig,
  ITopicMetadata,
  KafkaConfig,
  SeekEntry,
} from './types'

const EVENTS = {
  CONNECT: 'admin.connect',
  DISCONNECT: 'admin.disconnect',
  REQUEST: 'admin.network.request',
  REQUEST_TIMEOUT: 'admin.network.request_timeout',
  REQUEST_QUEUE_SIZE: 'admin.network.request_queue_size',
} as const

const TOPIC_ALREADY_EXISTS = 36
const UNKNOWN_TOPIC = 3

function checkTopic(topic: unknown): void {
  if (!topic || typeof topic !== 'string') throw new KafkaJSNonRetriableError(`Invalid topic ${topic}`)
}

export class Admin {
  readonly events = EVENTS
  readonly #connection: Connection
  readonly #instrumentation: Instrumentation
  readonly #logger: Logger

  /** @internal */
  constructor(kafka: KafkaConfig, config: AdminConfig, logger: Logger) {
    this.#logger = logger.namespace('Admin')
    this.#instrumentation = new Instrumentation('admin', EVENTS, this.#logger)
    this.#connection = new Connection(kafka, properties(config.properties ?? {}), this.#instrumentation)
    this.#connection.endWith(this)
  }

  logger = (): Logger => this.#logger

  on = <T = any>(event: string, listener: Listener<T>): RemoveInstrumentationEventListener =>
    this.#instrumentation.on(event, listener)

  connect = async (): Promise<void> => {
    await this.#connection.connect()
    this.#instrumentation.emit(EVENTS.CONNECT)
  }

  disconnect = async (): Promise<void> => {
    this.#connection.disconnect()
    this.#instrumentation.emit(EVENTS.DISCONNECT)
  }

  listTopics = async (): Promise<string[]> => native.adminListTopics(await this.#connection.use())

  createTopics = async (options: {
    topics: ITopicConfig[]
    validateOnly?: boolean
    waitForLeaders?: boolean
    timeout?: number
  }): Promise<boolean> => {
    const { topics, validateOnly = false, waitForLeaders = true } = options
    if (!topics || !Array.isArray(topics)) throw new KafkaJSNonRetriableError(`Invalid topics array ${topics}`)
    if (topics.some(({ topic }) => typeof topic !== 'string')) {
      throw new KafkaJSNonRetriableError('Invalid topics array, the topic names have to be a valid string')
    }
    if (new Set(topics.map(({ topic }) => topic)).size < topics.length) {
      throw new KafkaJSNonRetriableError('Invalid topics array, it cannot have multiple entries for the same topic')
    }
    for (const { topic, configEntries, replicaAssignment } of topics) {
      if (replicaAssignment?.length) throw notImplemented('The option "replicaAssignment" of admin.createTopics')
      if (configEntries === undefined || configEntries === null) continue
      if (!Array.isArray(configEntries)) {
        throw new KafkaJSNonRetriableError(`Invalid configEntries for topic "${topic}", must be an array`)
      }
      for (const entry of configEntries) {
        if (typeof entry?.name !== 'string' || typeof entry.value !== 'string') {
          throw new KafkaJSNonRetriableError(
            `Invalid configEntries for topic "${topic}", each entry has to have a name and a value that are strings`,
          )
        }
      }
    }
    if (validateOnly) throw notImplemented('The option "validateOnly" of admin.createTopics')
    const client = await this.#connection.use()
    const created = await Promise.allSettled(
      topics.map(({ topic, numPartitions = -1, replicationFactor = -1, configEntries }) =>
        native.adminCreateTopic(
          client,
          topic,
          numPartitions,
          replicationFactor,
          (configEntries ?? []).flatMap(({ name, value }) => [name, value]),
        ),
      ),
    )
    const errors = created.flatMap((one, i) => (one.status === 'rejected' ? [{ e: one.reason, topic: topics[i].topic }] : []))
    const failed = errors.filter(({ e }) => (e as KafkaJSProtocolError).code !== TOPIC_ALREADY_EXISTS)
    if (failed.length > 0) {
      if (!failed.every(({ e }) => e instanceof KafkaJSProtocolError)) throw failed[0].e
      throw new KafkaJSAggregateError(
        'Topic creation errors',
        failed.map(({ e, topic }) => new KafkaJSCreateTopicError(e as Error, topic)),
      )
    }
    if (errors.length > 0) return false
    if (waitForLeaders) {
      const until = Date.now() + (options.timeout ?? 5000)
      for (const { topic } of topics) await this.#leaders(client, topic, until)
    }
    return true
  }

  /** Waits until each partition of a new topic has a leader, for a while. */
  async #leaders(client: number, topic: string, until: number): Promise<void> {
    for (;;) {
      try {
        const { partitions } = (await native.adminDescribeTopic(client, topic)) as ITopicMetadata
        if (partitions.every(({ leader }) => leader >= 0)) return
      } catch (e) {
        if ((e as KafkaJSProtocolError).code !== UNKNOWN_TOPIC) throw e
      }
      if (Date.now() >= until) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  deleteTopics = async ({ topics }: { topics: string[]; timeout?: number }): Promise<void> => {
    if (!topics || !Array.isArray(topics)) throw new KafkaJSNonRetriableError(`Invalid topics array ${topics}`)
    if (topics.some((topic) => typeof topic !== 'string')) {
      throw new KafkaJSNonRetriableError('Invalid topics array, the names must be a valid string')
    }
    const client = await this.#connection.use()
    const deleted = await Promise.allSettled(topics.map((topic) => native.adminDeleteTopic(client, topic)))
    const failed = deleted.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
  }

  fetchTopicMetadata = async ({ topics = [] }: { topics?: string[] } = {}): Promise<{ topics: ITopicMetadata[] }> => {
    topics.forEach(checkTopic)
    const client = await this.#connection.use()
    const names = topics.length > 0 ? topics : await native.adminListTopics(client)
    return { topics: await Promise.all(names.map((name) => native.adminDescribeTopic(client, name) as Promise<ITopicMetadata>)) }
  }

  fetchTopicOffsets = async (topic: string): Promise<(SeekEntry & { high: string; low: string })[]> => {
    checkTopic(topic)
    const offsets = await native.adminTopicOffsets(await this.#connection.use(), topic)
    return offsets as (SeekEntry & { high: string; low: string })[]
  }

  fetchTopicOffsetsByTimestamp = async (topic: string, timestamp?: number): Promise<SeekEntry[]> => {
    checkTopic(topic)
    if (timestamp === undefined || timestamp === null) {
      return (await this.fetchTopicOffsets(topic)).map(({ partition, offset }) => ({ partition, offset }))
    }
    // As in KafkaJS, which takes what stands for a number too.
    const at = Number(timestamp)
    if (!Number.isSafeInteger(at)) throw new KafkaJSNonRetriableError(`Invalid timestamp ${timestamp}`)
    return (await native.adminTopicOffsetsAt(await this.#connection.use(), topic, at)) as SeekEntry[]
  }

  describeCluster = async (): Promise<{
    brokers: { nodeId: number; host: string; port: number }[]
    controller: number | null
    clusterId: string
  }> => (await native.adminDescribeCluster(await this.#connection.use())) as never

  listGroups = async (): Promise<{ groups: GroupOverview[] }> => groups.listGroups(await this.#connection.use())

  describeGroups = async (groupIds: string[]): Promise<GroupDescriptions> =>
    groups.describeGroups(await this.#connection.use(), groupIds)

  deleteGroups = async (groupIds: string[]): Promise<DeleteGroupsResult[]> =>
    groups.deleteGroups(await this.#connection.use(), groupIds)

  fetchOffsets = async (options: {
    groupId: string
    topics?: string[]
    resolveOffsets?: boolean
  }): Promise<{ topic: string; partitions: FetchOffsetsPartition[] }[]> =>
    groups.fetchOffsets(await this.#connection.use(), options)

  /** The group must have no members. */
  setOffsets = async (options: { groupId: string; topic: string; partitions: SeekEntry[] }): Promise<void> => {
    const { groupId, topic, partitions } = options
    await groups.setOffsets(await this.#connection.use(), groupId, topic, partitions)
  }

  /** The group must have no members. */
  resetOffsets = async (options: { groupId: string; topic: string; earliest?: boolean }): Promise<void> => {
    const { groupId, topic, earliest = false } = options
    const partitions = (await this.fetchTopicOffsets(topic)).map(({ partition, low, high }) => ({
      partition,
      offset: earliest ? low : high,
    }))
    await groups.setOffsets(await this.#connection.use(), groupId, topic, partitions)
  }

  createPartitions = refuse('createPartitions')
  describeConfigs = refuse('describeConfigs')
  alterConfigs = refuse('alterConfigs')
  describeAcls = refuse('describeAcls')
  deleteAcls = refuse('deleteAcls')
  createAcls = refuse('createAcls')
  deleteTopicRecords = refuse('deleteTopicRecords')
  alterPartitionReassignments = refuse('alterPartitionReassignments')
  listPartitionReassignments = refuse('listPartitionReassignments')
}

/** A method of KafkaJS's that is not there yet. */
function refuse<Name extends keyof AdminType>(name: Name): AdminType[Name] & (() => Promise<never>) {
  return (async () => {
    throw notImplemented(`admin.${name}`)
  }) as AdminType[Name] & (() => Promise<never>)
}
