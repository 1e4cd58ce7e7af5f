import type { EventLog, OutgoingRecord, TopicSpec } from '../../../../services/platform/event-log/port.ts'

export interface EventLogHarness {
  /** Opens a log over the storage of this harness: again after a close, and again as another process would. */
  open(): EventLog
  /** Makes time pass for append times; absent where append time is the broker's own. */
  advance?(ms: number): void
  /** What the adapter can show in a test's time. */
  capabilities: {
    /** Expired records are gone after the next publish. */
    retention: boolean
    /** Superseded records of a compacted topic are gone at once. */
    compaction: boolean
    /** The storage is held by one log at a time. */
    exclusive: boolean
  }
  cleanUp(): Promise<void>
}

/** What a law is tried on: `log` is the log in use; a law that closes it puts the next one there. */
export interface World {
  log: EventLog
  harness: EventLogHarness
  openLog(): EventLog
  /** Another log on the same storage while the first is open; the same one where only one can be. */
  openPeer(): EventLog
}

export const PATIENCE = { timeout: 40_000, interval: 10 }
export const PARTITIONS = 4

let counter = 0
const run = Math.random().toString(36).slice(2, 8)
export function unique(kind: string): string {
  return `${kind}-${run}-${process.pid}-${++counter}`
}

export function specOf(name: string, more: Partial<TopicSpec> = {}): TopicSpec {
  return {
    name,
    partitions: PARTITIONS,
    retentionMs: 72 * 3_600_000,
    compacted: false,
    maxBytes: 1_048_576,
    ...more,
  }
}

export async function makeTopic(log: EventLog, more: Partial<TopicSpec> = {}): Promise<string> {
  const topic = unique('topic')
  await log.ensureTopics([specOf(topic, more)])
  return topic
}

export function record(system: string, n: number): OutgoingRecord {
  return {
    partitionKey: system,
    key: `${system}/${n}`,
    value: Buffer.from(`value ${n} of ${system}`),
    headers: { ce_type: 'test', ce_id: `${system}/${n}` },
  }
}

export function systemRecords(system: string, start: number, count: number): OutgoingRecord[] {
  return Array.from({ length: count }, (_, n) => record(system, start + n))
}

export async function pass(harness: EventLogHarness, ms: number): Promise<void> {
  if (harness.advance !== undefined) harness.advance(ms)
  else await new Promise((resolve) => setTimeout(resolve, ms))
}

export function committedOf(lag: { committed: number | null }[]): number {
  return lag.reduce((total, { committed }) => total + (committed ?? 0), 0)
}

export function ends(lag: { end: number }[]): number {
  return lag.reduce((total, { end }) => total + end, 0)
}
