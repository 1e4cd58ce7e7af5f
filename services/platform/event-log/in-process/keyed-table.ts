import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { LogRecord, OutgoingRecord } from '../port.ts'
import type { RecordTable, StoredPartition } from './record-table.ts'

interface RecordRow {
  record_offset: number
  appended: number
  key: string | null
  value: Uint8Array | null
  headers: string | null
}

/** Records of compacted topics, a row a record: of each key only the newest is kept. */
export class KeyedTable implements RecordTable {
  readonly #insert: StatementSync
  readonly #from: StatementSync
  readonly #next: StatementSync
  readonly #delete: StatementSync
  readonly #deleteBelow: StatementSync
  readonly #newest: StatementSync
  readonly #setNewest: StatementSync
  readonly #forgetBelow: StatementSync

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)')
    this.#from = database.prepare(
      'SELECT record_offset, appended, key, value, headers FROM records WHERE partition_id = ? AND record_offset >= ? AND record_offset < ? ORDER BY record_offset LIMIT ?',
    )
    this.#next = database.prepare(
      'SELECT record_offset, appended FROM records WHERE partition_id = ? AND record_offset >= ? ORDER BY record_offset LIMIT 1',
    )
    this.#delete = database.prepare('DELETE FROM records WHERE partition_id = ? AND record_offset = ?')
    this.#deleteBelow = database.prepare('DELETE FROM records WHERE partition_id = ? AND record_offset < ?')
    this.#newest = database.prepare(
      'SELECT record_offset FROM newest_of_key WHERE partition_id = ? AND key = ?',
    )
    this.#setNewest = database.prepare(
      'INSERT INTO newest_of_key VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET record_offset = excluded.record_offset',
    )
    this.#forgetBelow = database.prepare(
      'DELETE FROM newest_of_key WHERE partition_id = ? AND record_offset < ?',
    )
  }

  prepare(records: readonly OutgoingRecord[]): ReturnType<RecordTable['prepare']> {
    return ({ id }, firstOffset, appended) => {
      for (const [place, { key, value, headers }] of records.entries()) {
        const offset = firstOffset + place
        const older = this.#newest.get(id, key)
        if (older !== undefined) this.#delete.run(id, older.record_offset!)
        this.#setNewest.run(id, key, offset)
        const text = headers === undefined ? null : JSON.stringify(headers)
        this.#insert.run(id, offset, appended, key, value, text)
      }
    }
  }

  read(partition: StoredPartition, offset: number, maxRecords: number, maxBytes: number): LogRecord[] {
    const { id, next, topic, partition: number } = partition
    const records: LogRecord[] = []
    let bytes = 0
    const rows = this.#from.iterate(id, offset, next, maxRecords) as Iterable<unknown> as Iterable<RecordRow>
    for (const { record_offset, appended, key, value, headers } of rows) {
      records.push({
        topic,
        partition: number,
        offset: record_offset,
        key,
        value: value === null ? null : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
        headers: headers === null ? {} : (JSON.parse(headers) as Record<string, string>),
        appended,
      })
      bytes += value?.byteLength ?? 0
      if (bytes >= maxBytes) break
    }
    return records
  }

  firstOffset(partition: StoredPartition): number {
    return this.#nextOf(partition, 0)?.record_offset ?? partition.next
  }

  offsetAt(partition: StoredPartition, appended: number): number {
    let low = this.firstOffset(partition)
    let high = partition.next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = this.#nextOf(partition, middle)
      if (row === undefined || row.appended >= appended) high = middle
      else low = row.record_offset + 1
    }
    return this.#nextOf(partition, low)?.record_offset ?? partition.next
  }

  deleteBelow({ id }: StoredPartition, offset: number): void {
    this.#deleteBelow.run(id, offset)
    this.#forgetBelow.run(id, offset)
  }

  #nextOf({ id }: StoredPartition, offset: number): RecordRow | undefined {
    return this.#next.get(id, offset) as unknown as RecordRow | undefined
  }
}
