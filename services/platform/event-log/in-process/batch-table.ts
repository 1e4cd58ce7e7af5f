import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { LogRecord } from '../port.ts'
import type { RecordTable, StoredPartition } from './record-table.ts'
import { type Content, packBatches, unpackBatch } from './stored-batch.ts'

interface BatchRow {
  first_offset: number
  next_offset: number
  appended: number
  meta: string
  body: Uint8Array
}

/**
 * Records of topics that are not compacted, a row a batch: a poll of 1,500 stations is one insertion. Offsets of a
 * partition follow one another without a gap.
 */
export class BatchTable implements RecordTable {
  readonly #insert: StatementSync
  readonly #from: StatementSync
  readonly #holding: StatementSync
  readonly #delete: StatementSync
  readonly #deletedBelow: StatementSync
  readonly #setDeletedBelow: StatementSync

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare('INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)')
    this.#from = database.prepare(
      'SELECT * FROM batches WHERE partition_id = ? AND next_offset > ? AND next_offset <= ? ORDER BY next_offset',
    )
    this.#holding = database.prepare(
      'SELECT next_offset, first_offset, appended FROM batches WHERE partition_id = ? AND next_offset > ? ORDER BY next_offset LIMIT 1',
    )
    this.#delete = database.prepare('DELETE FROM batches WHERE partition_id = ? AND next_offset <= ?')
    this.#deletedBelow = database.prepare('SELECT first_offset FROM deleted_below WHERE partition_id = ?')
    this.#setDeletedBelow = database.prepare(
      'INSERT INTO deleted_below VALUES (?, ?) ON CONFLICT DO UPDATE SET first_offset = excluded.first_offset',
    )
  }

  prepare(records: readonly Content[]): ReturnType<RecordTable['prepare']> {
    const batches = packBatches(records)
    return ({ id }, firstOffset, appended) => {
      let first = firstOffset
      for (const { count, meta, body } of batches) {
        this.#insert.run(id, first + count, first, appended, meta, body)
        first += count
      }
    }
  }

  read(partition: StoredPartition, offset: number, maxRecords: number, maxBytes: number): LogRecord[] {
    const { id, next, topic, partition: number } = partition
    const from = Math.max(offset, this.firstOffset(partition))
    const records: LogRecord[] = []
    let bytes = 0
    const rows = this.#from.iterate(id, from, next) as Iterable<unknown> as Iterable<BatchRow>
    for (const { first_offset, appended, meta, body } of rows) {
      const unpacked = unpackBatch({
        at: { topic, partition: number },
        firstOffset: first_offset,
        appended,
        meta,
        body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
        skip: Math.max(0, from - first_offset),
      })
      for (const record of unpacked) {
        records.push(record)
        bytes += record.value?.length ?? 0
        if (records.length >= maxRecords || bytes >= maxBytes) return records
      }
    }
    return records
  }

  firstOffset({ id }: StoredPartition): number {
    return (this.#deletedBelow.get(id)?.first_offset as number | undefined) ?? 0
  }

  offsetAt(partition: StoredPartition, appended: number): number {
    let low = this.firstOffset(partition)
    let high = partition.next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const batch = this.#holding.get(partition.id, middle) as unknown as BatchRow
      if (batch.appended >= appended) high = Math.max(low, batch.first_offset)
      else low = batch.next_offset
    }
    return low
  }

  /** What is deleted of a batch that ends above `offset` takes its space until all of it is. */
  deleteBelow({ id }: StoredPartition, offset: number): void {
    this.#delete.run(id, offset)
    this.#setDeletedBelow.run(id, offset)
  }
}
