// The addon, and the signatures of what it exports.

/** Bits of `consumerProgress`. */
export const WORK = 1
export const STALE = 2

/** A batch as it comes in: its number, topic, partition, first offset, how many records, the offset behind it, bytes, table, the
 * high watermark, the broker's id. */
export type RawBatch = [number, string, number, number, number, number, ArrayBuffer, Int32Array, number, number]

export interface Position {
  topic: string
  partition: number
  offset: string | null
  high: string | null
}

export interface Native {
  setMakeError(make: (fields: never) => Error): void
  keepAlive(alive: boolean): void
  flushAtExit(): number
  forbidExternalMemory(forbidden: boolean): void

  setTell(tell: (watcher: number, kind: never, fields: never) => void): void
  clientConnect(properties: string[], watcher: number, trace: boolean): Promise<number>
  clientTrace(client: number, trace: boolean): void
  clientClose(client: number): void

  producerCreate(client: number, properties: string[]): number
  producerTopic(producer: number, name: string): number
  producerOnSettled(producer: number, settled: (table: Float64Array, errors: Error[]) => void): void
  producerSend(
    producer: number,
    text: string,
    textLength: number,
    table: Int32Array,
    tableLength: number,
    bytes: Uint8Array,
  ): void
  producerPartitions(producer: number, topic: string): Promise<unknown>
  producerClose(producer: number): Promise<void>

  consumerCreate(client: number, properties: string[], topics: string[]): number
  consumerOnQuestion(
    consumer: number,
    question: (id: number, kind: 'assigned' | 'revoked' | 'lost', partitions: [string, number][]) => void,
  ): void
  consumerAnswer(consumer: number, question: number): void
  consumerNext(consumer: number): Promise<RawBatch | null>
  consumerProgress(consumer: number, batch: number, offset: number, done: boolean): number
  consumerServe(consumer: number): Promise<void>
  consumerSeek(consumer: number, topic: string, partition: number, offset: string): void
  consumerPause(consumer: number, topic: string, partition: number, paused: boolean): void
  consumerCommit(consumer: number, offsets: string[]): Promise<void>
  consumerCommitPositions(consumer: number): Promise<void>
  consumerPositions(consumer: number): Position[]
  consumerGroup(
    consumer: number,
  ): { generation: number; memberId: string; leader: string | null; assignor: string | null } | null
  consumerClose(consumer: number): Promise<void>

  adminCreateTopic(
    client: number,
    name: string,
    partitions: number,
    replicationFactor: number,
    configs: string[],
  ): Promise<void>
  adminDeleteTopic(client: number, name: string): Promise<void>
  adminListTopics(client: number): Promise<string[]>
  adminDescribeTopic(client: number, name: string): Promise<unknown>
  adminCheckTopics(client: number, names: string[], create: boolean): Promise<void>
  adminDescribeCluster(client: number): Promise<unknown>
  adminTopicOffsets(client: number, topic: string): Promise<unknown>
  adminTopicOffsetsAt(client: number, topic: string, timestamp: number): Promise<unknown>

  adminListGroups(client: number): Promise<unknown>
  adminDescribeGroups(client: number, groups: string[]): Promise<unknown>
  adminDeleteGroups(client: number, groups: string[]): Promise<unknown>
  adminFetchOffsets(client: number, group: string, topics: string[]): Promise<unknown>
  adminSetOffsets(client: number, group: string, offsets: string[]): Promise<void>

  brokerStart(options: string[]): number
  brokerServers(broker: number): string
  brokerStop(broker: number): void
  brokerSetRunning(broker: number, id: number, running: boolean): void
  brokerMoveLeader(broker: number, topic: string, partition: number, to: number): void
  brokerCreateTopic(broker: number, name: string, partitions: number): void
  brokerAddFault(broker: number, words: string[]): number
  brokerFaultHits(broker: number, fault: number): number
  brokerRemoveFault(broker: number, fault: number): boolean
  brokerClearFaults(broker: number): void
  brokerRequests(broker: number, api: string): number
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return report !== undefined && report.header?.glibcVersionRuntime === undefined
}

function platform(): string {
  const { platform, arch } = process
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`
  if (platform === 'win32') return `win32-${arch}-msvc`
  return `${platform}-${arch}`
}

function load(): Native {
  const name = platform()
  const causes: unknown[] = []
  // Beside the package when it was built there, else the package of this platform.
  for (const path of [`../ottla.${name}.node`, `ottla-${name}`]) {
    try {
      return require(path) as Native
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause
      causes.push(cause)
    }
  }
  throw new Error(`ottla has no build for ${name} here: is the optional package ottla-${name} installed?`, {
    cause: causes[causes.length - 1],
  })
}

export const native: Native = load()
