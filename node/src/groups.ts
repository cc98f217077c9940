// Groups from outside: what admins and consumers ask of them.

import { KafkaJSDeleteGroupsError, KafkaJSNonRetriableError, type KafkaJSProtocolError, notImplemented } from './errors'
import { native } from './native'
import type {
  DeleteGroupsResult,
  FetchOffsetsPartition,
  GroupDescription,
  GroupOverview,
  SeekEntry,
  TopicPartitionOffsetAndMetadata,
} from './types'

function checkGroup(groupId: unknown): void {
  if (!groupId || typeof groupId !== 'string') throw new KafkaJSNonRetriableError(`Invalid groupId ${groupId}`)
}

function checkGroups(groupIds: unknown): void {
  if (!Array.isArray(groupIds)) throw new KafkaJSNonRetriableError(`Invalid groupIds array ${groupIds}`)
  groupIds.forEach(checkGroup)
}

export async function listGroups(client: number): Promise<{ groups: GroupOverview[] }> {
  return { groups: (await native.adminListGroups(client)) as GroupOverview[] }
}

/** An array of bytes, as the addon makes one, as a Buffer over the same memory. */
function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export async function describeGroups(client: number, groupIds: string[]): Promise<{ groups: GroupDescription[] }> {
  checkGroups(groupIds)
  const described = (await native.adminDescribeGroups(client, groupIds)) as GroupDescription[]
  const groups = new Map(described.map((group) => [group.groupId, group]))
  for (const { members } of described) {
    for (const member of members) {
      member.memberMetadata = buffer(member.memberMetadata)
      member.memberAssignment = buffer(member.memberAssignment)
    }
  }
  return { groups: groupIds.flatMap((groupId) => groups.get(groupId) ?? []) }
}

export async function deleteGroups(client: number, groupIds: string[]): Promise<DeleteGroupsResult[]> {
  checkGroups(groupIds)
  const deleted = (await native.adminDeleteGroups(client, groupIds)) as { groupId: string; error: KafkaJSProtocolError | null }[]
  const results = deleted.map(({ groupId, error }): DeleteGroupsResult => {
    if (error === null) return { groupId, errorCode: 0 }
    return { groupId, errorCode: error.code, error }
  })
  const failed = results.filter(({ error }) => error !== undefined)
  if (failed.length > 0) throw new KafkaJSDeleteGroupsError('Error in DeleteGroups', failed)
  return results
}

export async function fetchOffsets(
  client: number,
  options: { groupId: string; topics?: string[]; resolveOffsets?: boolean },
): Promise<{ topic: string; partitions: FetchOffsetsPartition[] }[]> {
  const { groupId, topics = [], resolveOffsets } = options
  checkGroup(groupId)
  if (!Array.isArray(topics)) throw new KafkaJSNonRetriableError('Expected topics array to be set')
  if (resolveOffsets) throw notImplemented('The option "resolveOffsets" of admin.fetchOffsets')
  const offsets = await native.adminFetchOffsets(client, groupId, topics)
  const byTopic = new Map<string, FetchOffsetsPartition[]>(topics.map((topic) => [topic, []]))
  for (const { topic, ...partition } of offsets as (FetchOffsetsPartition & { topic: string })[]) {
    const partitions = byTopic.get(topic) ?? []
    partitions.push(partition)
    byTopic.set(topic, partitions)
  }
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }))
}

export async function setOffsets(client: number, groupId: string, topic: string, partitions: SeekEntry[]): Promise<void> {
  checkGroup(groupId)
  if (!topic) throw new KafkaJSNonRetriableError(`Invalid topic ${topic}`)
  if (!Array.isArray(partitions) || partitions.length === 0) {
    throw new KafkaJSNonRetriableError('Invalid partitions')
  }
  const all = partitions as TopicPartitionOffsetAndMetadata[]
  const offsets = all.flatMap((one) => [topic, String(one.partition), String(one.offset), one.metadata ?? ''])
  await native.adminSetOffsets(client, groupId, offsets)
}
