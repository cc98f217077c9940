// A program for KafkaJS, in which types have names. It compiles with KafkaJS as it does here.

import {
  type Admin,
  type AdminEvents,
  type Assigner,
  AssignerProtocol,
  type Batch,
  CompressionCodecs,
  CompressionTypes,
  ConfigResourceTypes,
  type Consumer,
  type ConsumerConfig,
  type ConsumerCrashEvent,
  type ConsumerEachMessagePayload,
  type ConsumerEvents,
  type ConsumerRunConfig,
  type DescribeConfigResponse,
  type EachBatchPayload,
  type EachMessageHandler,
  type EachMessagePayload,
  type GroupDescriptions,
  type GroupMemberAssignment,
  type ICustomPartitioner,
  type IHeaders,
  type IResourceConfig,
  type InstrumentationEvent,
  Kafka,
  type KafkaConfig,
  KafkaJSBrokerNotFound,
  KafkaJSConnectionError,
  KafkaJSDeleteGroupsError,
  KafkaJSError,
  type KafkaJSErrorMetadata,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  KafkaJSRequestTimeoutError,
  type KafkaMessage,
  type LogEntry,
  type Logger,
  type Mechanism,
  type Message,
  type PartitionAssigner,
  PartitionAssigners,
  Partitioners,
  type Producer,
  type ProducerEvents,
  type ProducerRecord,
  type RecordMetadata,
  type RemoveInstrumentationEventListener,
  type RequestEvent,
  type SASLMechanism,
  type SASLOptions,
  type Transaction,
  type ValueOf,
  type logCreator,
  logLevel,
} from 'ottla'

// How it is secured and logged.

const sasl: SASLOptions[] = [
  { mechanism: 'plain', username: 'u', password: 'p' },
  { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
  { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: 'token' }) },
  { mechanism: 'aws', authorizationIdentity: 'i', accessKeyId: 'k', secretAccessKey: 's' },
]
const mechanisms: SASLMechanism[] = sasl.map(({ mechanism }) => mechanism)
const own: Mechanism = {
  mechanism: mechanisms[0].toUpperCase(),
  authenticationProvider: ({ host, port, logger, saslAuthenticate }) => ({
    authenticate: async () => {
      logger.debug(`${host}:${port}`)
      await saslAuthenticate({ request: { encode: () => Buffer.from('secret') } })
    },
  }),
}
const toPino: logCreator = (level: logLevel) => ({ namespace, log }: LogEntry) => {
  const { message, timestamp, ...extra } = log
  console.log(level, namespace, timestamp, message, extra.stack?.length)
}
const config: KafkaConfig = {
  brokers: async () => ['a:9092'],
  ssl: { ca: ['pem'], rejectUnauthorized: true },
  sasl: Math.random() > 0.5 ? own : sasl[0],
  logCreator: toPino,
  retry: { retries: 3, restartOnFailure: async (e) => e instanceof KafkaJSError },
}
const kafka = new Kafka(config)
const logger: Logger = kafka.logger().namespace('mine', logLevel.DEBUG)

// Producing, also in transactions.

const byHeader: ICustomPartitioner = () => ({ message, partitionMetadata }) =>
  Number(message.headers?.shard ?? 0) % partitionMetadata.length

class Outbox {
  constructor(
    private readonly producer: Producer = kafka.producer({ createPartitioner: byHeader, transactionalId: 'outbox' }),
  ) {}

  async put(messages: Message[], partition: number, offset: string): Promise<RecordMetadata[]> {
    const transaction: Transaction = await this.producer.transaction()
    try {
      const record: ProducerRecord = { topic: 't', messages, compression: CompressionTypes.GZIP }
      const written = await transaction.send(record)
      await transaction.sendOffsets({ consumerGroupId: 'g', topics: [{ topic: 't', partitions: [{ partition, offset }] }] })
      await transaction.commit()
      return written
    } catch (e) {
      if (transaction.isActive()) await transaction.abort()
      throw e
    }
  }
}

/** In the place of a producer, for tests. */
const fake: Producer = {
  connect: async () => {},
  disconnect: async () => {},
  isIdempotent: () => true,
  send: async () => [],
  sendBatch: async () => [],
  transaction: async () => {
    throw new KafkaJSBrokerNotFound()
  },
  on: () => () => {},
  logger: () => logger,
  events: kafka.producer().events,
}
const outbox = new Outbox(fake)
CompressionCodecs[CompressionTypes.Snappy] = () => ({ compress: async () => Buffer.alloc(0) })
const codec: unknown = CompressionCodecs[CompressionTypes.GZIP]()

// Consuming.

const sticky: PartitionAssigner = ({ cluster, groupId, logger }): Assigner => ({
  name: 'sticky',
  version: 1,
  protocol: ({ topics }) => ({
    name: 'sticky',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 1, topics, userData: Buffer.from(groupId) }),
  }),
  assign: async ({ members, topics }): Promise<GroupMemberAssignment[]> => {
    await cluster.refreshMetadata()
    const all = topics.flatMap((topic) => cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId))
    logger.info(`${all.length}`)
    return members.map(({ memberId }) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({
        version: 1,
        assignment: { t: all },
        userData: Buffer.alloc(0),
      }),
    }))
  },
})
const consuming: ConsumerConfig = { groupId: 'g', partitionAssigners: [sticky, PartitionAssigners.roundRobin] }
const consumer: Consumer = kafka.consumer(consuming)

const show = (message: KafkaMessage): string => {
  const headers: IHeaders | undefined = message.headers
  return `${message.offset} ${message.size ?? 0} ${message.key?.toString()} ${headers?.trace}`
}
const each: EachMessageHandler = async ({ topic, partition, message, heartbeat, pause }: EachMessagePayload) => {
  console.log(topic, partition, show(message))
  await outbox.put([{ value: message.value }], partition, message.offset)
  await heartbeat()
  setTimeout(pause(), 1000)
}
const asBefore = async (payload: ConsumerEachMessagePayload): Promise<void> => each(payload)
const eachBatch = async ({ batch, resolveOffset, uncommittedOffsets, isStale, isRunning }: EachBatchPayload): Promise<void> => {
  const { messages, highWatermark }: Batch = batch
  for (const message of messages) if (isRunning() && !isStale()) resolveOffset(message.offset)
  console.log(highWatermark, uncommittedOffsets().topics[0].partitions[0].offset)
}
const running: ConsumerRunConfig = { autoCommitThreshold: null, eachMessage: asBefore }

const { CRASH, GROUP_JOIN, REQUEST }: ConsumerEvents = consumer.events
const remove: RemoveInstrumentationEventListener<typeof CRASH> = consumer.on(CRASH, ({ payload }) => console.log(payload.restart))
consumer.on('consumer.crash', async (event: ConsumerCrashEvent) => console.log(event.payload.error.stack))
consumer.on(GROUP_JOIN, ({ payload: { memberAssignment } }) => Object.values(memberAssignment).flat().length)
consumer.on(REQUEST, ({ payload }: RequestEvent) => console.log(payload.apiName.length, payload.duration))
for (const name of Object.values(consumer.events) as ValueOf<ConsumerEvents>[]) {
  consumer.on(name, (event: InstrumentationEvent<any>) => console.log(event.type, event.payload?.groupId))
}
const names: [ProducerEvents['CONNECT'], AdminEvents['CONNECT']] = [fake.events.CONNECT, kafka.admin().events.CONNECT]
// @ts-expect-error: there is no such event
consumer.on('consumer.crashed', () => {})

// Administering.

async function administer(admin: Admin): Promise<DescribeConfigResponse> {
  const raised: IResourceConfig = {
    type: ConfigResourceTypes.TOPIC,
    name: 't',
    configEntries: [{ name: 'max.message.bytes', value: '1' }],
  }
  await admin.alterConfigs({ validateOnly: false, resources: [raised] })
  await admin.createPartitions({ topicPartitions: [{ topic: 't', count: 3 }] })
  await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset: '1' }] })
  const { groups }: GroupDescriptions = await admin.describeGroups(['g'])
  const { topics } = await admin.listPartitionReassignments({ topics: undefined })
  console.log(groups[0].state === 'Stable', topics[0].partitions[0].addingReplicas?.length)
  return admin.describeConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: 't' }], includeSynonyms: true })
}

// Errors.

const metadata: KafkaJSErrorMetadata = { retriable: false }

function explain(e: unknown): string {
  if (e instanceof KafkaJSNumberOfRetriesExceeded) return `${e.retryCount} ${e.retryTime} ${e.stack.length} ${e.cause?.message}`
  if (e instanceof KafkaJSProtocolError) return `${e.type.length} ${e.code.toFixed()}`
  if (e instanceof KafkaJSConnectionError) return e.broker.split(':')[0]
  if (e instanceof KafkaJSRequestTimeoutError) return `${e.correlationId + e.pendingDuration}`
  if (e instanceof KafkaJSDeleteGroupsError) return e.groups.map(({ groupId, error }) => groupId + error?.type).join()
  return String(new KafkaJSError('other', metadata).retriable)
}

await consumer.run(running)
await consumer.run({ eachBatch })
await administer(kafka.admin()).catch(explain)
remove()
console.log(codec, names, Partitioners.JavaCompatiblePartitioner)
