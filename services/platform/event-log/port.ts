import type { Codec, Decoded } from './codec.ts'

/** One record as a consumer sees it. `appended` is the log's own append time (epoch ms), never event time. */
export interface LogRecord {
  topic: string
  partition: number
  offset: number
  key: string | null
  value: Buffer | null
  headers: Record<string, string>
  appended: number
  /** What `consume` has made of it: readers in one process, which a log may give the same record, decode it once. */
  decoded?: { by: Codec; as: Decoded }
}

/** One record to append. `partitionKey` is the system: all its records share one partition, in order. */
export interface OutgoingRecord {
  partitionKey: string
  key: string
  value: Buffer | null
  headers?: Record<string, string>
}

export interface TopicPartition {
  topic: string
  partition: number
}

/** `offset` is the next one to read. */
export interface Position extends TopicPartition {
  offset: number
}

export interface TopicSpec {
  name: string
  partitions: number
  /** How long records are kept by append time; null keeps them for ever. */
  retentionMs: number | null
  compacted: boolean
  /** Largest record batch the topic takes, bytes. */
  maxBytes: number
}

/** What a member owns from now on. Epochs of one member only grow; every effect and commit carries its epoch. */
export interface Assignment {
  epoch: number
  /** `offset` is the group's committed position, null when it has none. */
  partitions: (TopicPartition & { committed: number | null })[]
}

export interface Batch extends TopicPartition {
  epoch: number
  /** At least one record, in offset order. */
  records: LogRecord[]
  /** Offset after the last record of the partition when the batch was fetched. */
  end: number
  /** Aborts when the epoch ends or the subscription closes: stop working, the batch comes again elsewhere. */
  signal: AbortSignal
}

export interface SubscribeOptions {
  group: string
  topics: string[]
  /**
   * A reader for itself, not a member: it owns every partition beside any other reader, `group` is only the beginning
   * of its name, and nothing is left of it when it is closed. Default false.
   */
  transient?: boolean
  /** Where to begin in a partition without a commit. Default `earliest`. */
  from?: 'earliest' | 'latest'
  /** Most records a batch may hold. Default 5,000. */
  maxBatchRecords?: number
  /**
   * Called before the first batch of each epoch: drop all state of earlier epochs, load that of these partitions.
   * May return positions to begin at instead of the committed ones (offsets stored with the state they produced).
   * No revoke is ever called: a new epoch is the only notice.
   */
  assigned?(assignment: Assignment): Promise<Position[] | undefined>
  /**
   * Called with one batch of one partition at a time; batches of a partition come in offset order.
   * When it throws a retryable error the partition is paused and the same records come again after a backoff;
   * any other error ends the subscription and is given to `failed`. It commits nothing by itself.
   */
  batch(batch: Batch): Promise<void>
  /** Called once when the subscription ended by an error that no retry can mend. */
  failed?(error: unknown): void
}

export interface Subscription {
  /**
   * Durably stores next offsets to read. Refused with `log_stale_epoch` when the epoch is no longer the member's.
   * Never moves a committed position backwards within an epoch.
   */
  commit(epoch: number, positions: Position[]): Promise<void>
  /** Next offset to hand out and end offset of every partition owned: equal when all that is there was handled. */
  positions(): Promise<(Position & { end: number })[]>
  /** Waits for the running batch, then leaves the group. Idempotent. */
  close(): Promise<void>
}

export interface GroupLag extends TopicPartition {
  committed: number | null
  end: number
}

/**
 * The event log: Kafka in production, one SQLite file in a single process.
 * All methods throw VelocastError `log_unreachable` (retryable), `log_credentials`, `log_topic_missing`.
 */
export interface EventLog {
  /** Creates the topics that are missing, with LogAppendTime; adds partitions never; idempotent. */
  ensureTopics(topics: TopicSpec[]): Promise<void>
  /**
   * Appends in order, durably (acks of all replicas, one request in flight for each topic), and gives each record's
   * own position, in the order given. Records of one call that share a partition key stand together unless they exceed a batch's size.
   */
  publish(topic: string, records: OutgoingRecord[]): Promise<Position[]>
  subscribe(options: SubscribeOptions): Promise<Subscription>
  /** Committed and end offsets of a group for every partition of the topics. */
  lag(group: string, topics: string[]): Promise<GroupLag[]>
  /** First offset of each partition whose append time is at or after `appended` (epoch ms); the end when there is none. */
  offsetsAt(topic: string, appended: number): Promise<Position[]>
  close(): Promise<void>
}
