// What a program in TypeScript writes has its types, through `import`.

import {
  AssignerProtocol,
  CompressionCodecs,
  CompressionTypes,
  type ConsumerCrashEvent,
  type EachMessagePayload,
  Kafka,
  type KafkaMessage,
  KafkaJSProtocolError,
  Partitioners,
  logLevel,
} from 'ottla'
import { Broker } from 'ottla/testing'

const broker: Broker = await Broker.start({ topics: ['t:1'], properties: { 'message.max.bytes': 1000 } })
const kafka = new Kafka({ clientId: 'typed', brokers: broker.brokers, logLevel: logLevel.WARN })
const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.LegacyPartitioner })
await producer.connect()
const [{ topicName, partition, baseOffset }] = await producer.send({
  topic: 't',
  compression: CompressionTypes.ZSTD,
  acks: -1,
  messages: [{ key: Buffer.from('k'), value: null, headers: { a: ['b', Buffer.from('c')] } }],
})
const text: string | undefined = topicName + partition + baseOffset
const consumer = kafka.consumer({ groupId: 'g', retry: { restartOnFailure: async () => false } })
consumer.on(consumer.events.CRASH, ({ payload }) => console.log(payload.error, text))
consumer.on(consumer.events.CRASH, ({ payload: { restart } }: ConsumerCrashEvent) => console.log(restart === true))
await consumer.subscribe({ topics: [/t/, 't'], fromBeginning: true })
await consumer.run({
  eachMessage: async ({ topic, message, heartbeat, pause }: EachMessagePayload) => {
    const value: Buffer | null = message.value
    const offset: string = message.offset
    await heartbeat()
    const resume: () => void = pause()
    console.log(topic, value, offset, resume)
  },
})
const loop = async (): Promise<void> => {
  for await (const message of consumer) {
    const kept: KafkaMessage = message.copy()
    console.log(message.topic, kept.key)
  }
}
CompressionCodecs[CompressionTypes.LZ4] = () => ({})
const { groups } = await kafka.admin().describeGroups(['g'])
const assignment: Record<string, number[]> | undefined =
  AssignerProtocol.MemberAssignment.decode(groups[0].members[0].memberAssignment)?.assignment
console.log(assignment?.t)
try {
  await loop()
} catch (e) {
  if (e instanceof KafkaJSProtocolError) console.log(e.type, e.code, e.retriable)
}
await broker[Symbol.asyncDispose]()
// @ts-expect-error: a message has a value
await producer.send({ topic: 't', messages: [{ key: 'k' }] })
