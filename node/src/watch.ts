// What the native part tells of a client without a call that would: its requests and heartbeats, connections that come and go.

import type { Instrumentation } from './instrumentation'
import { native } from './native'

/** What is told of each request and heartbeat, which the native part does only while somebody listens. */
const TRACED = ['network.request', 'network.request_timeout', 'network.request_queue_size', 'heartbeat']

/** Not held: what listens may hold its consumer, which then could never be lost. */
const watchers = new Map<number, WeakRef<Instrumentation>>()
let next = 0

interface Member {
  groupId: string
  memberId: string
  generationId: number
}

interface Told {
  log: { level: 'warn' | 'error'; error: Error }
  up: { nodeId?: number; broker?: string }
  heartbeat: Member
  unsubscribed: Member & { assignedTopics: string[]; topicsSubscribed: string[] }
  request: object
  timeout: object
  queue: object
}

const HANDLERS: { [K in keyof Told]: (instrumentation: Instrumentation, fields: Told[K]) => void } = {
  log: ({ logger }, { level, error }) => logger[level](`Connection error: ${error.message}`, { error: error.name }),
  up: ({ logger }, fields) => logger.info('Connected again', fields),
  request: (instrumentation, payload) => emit(instrumentation, 'network.request', payload),
  timeout: (instrumentation, payload) => emit(instrumentation, 'network.request_timeout', payload),
  queue: (instrumentation, payload) => emit(instrumentation, 'network.request_queue_size', payload),
  heartbeat: (instrumentation, { groupId, memberId, generationId }) =>
    emit(instrumentation, 'heartbeat', { groupId, memberId, groupGenerationId: generationId }),
  unsubscribed: (instrumentation, fields) => {
    const subscribed = new Set(fields.topicsSubscribed)
    const payload = { ...fields, topicsNotSubscribed: fields.assignedTopics.filter((topic) => !subscribed.has(topic)) }
    emit(instrumentation, 'received_unsubscribed_topics', payload)
    instrumentation.logger.warn('Consumer group received unsubscribed topics', payload)
  },
}

function emit(instrumentation: Instrumentation, event: string, payload: object): void {
  instrumentation.emit(`${instrumentation.owner}.${event}`, payload)
}

native.setTell(<K extends keyof Told>(watcher: number, kind: K | 'end', fields: Told[K]) => {
  if (kind === 'end') {
    watchers.delete(watcher)
    return
  }
  const instrumentation = watchers.get(watcher)?.deref()
  if (instrumentation === undefined) return
  try {
    HANDLERS[kind](instrumentation, fields)
  } catch (e) {
    // The program's logger threw.
    queueMicrotask(() => {
      throw e
    })
  }
})

/** Has a client's events sent to who listens; the number is for the native part. */
export function watch(instrumentation: Instrumentation): number {
  const watcher = next++
  watchers.set(watcher, new WeakRef(instrumentation))
  return watcher
}

/** Whether somebody listens to requests or heartbeats. */
export function isTraced(instrumentation: Instrumentation): boolean {
  return TRACED.some((event) => instrumentation.hears(`${instrumentation.owner}.${event}`))
}
