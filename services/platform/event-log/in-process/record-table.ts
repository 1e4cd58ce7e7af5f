import type { LogRecord, OutgoingRecord, TopicPartition } from '../port.ts'

/** A partition as its table knows it. */
export interface StoredPartition extends TopicPartition {
  readonly id: number
  /** Offset after the last durable record. */
  readonly next: number
}

/** Where the records of a partition are kept. Errors are SQLite's; whoever writes has begun a transaction. */
export interface RecordTable {
  /** Packs records; what it gives inserts them, as often as it is called. */
  prepare(
    records: readonly OutgoingRecord[],
  ): (partition: StoredPartition, firstOffset: number, appended: number) => void
  /** Durable records from `offset` on, until there are `maxRecords` of them or their values exceed `maxBytes`; at least one if any. */
  read(partition: StoredPartition, offset: number, maxRecords: number, maxBytes: number): LogRecord[]
  /** Offset of the oldest record kept, the end when there is none. */
  firstOffset(partition: StoredPartition): number
  /** First offset appended at or after `appended`: a binary search, since append times never go back. */
  offsetAt(partition: StoredPartition, appended: number): number
  /** Deletes the records below `offset`. */
  deleteBelow(partition: StoredPartition, offset: number): void
}
