import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { LogRecord, OutgoingRecord, Position, TopicSpec } from '../port.ts'
import { databaseError, openDatabase } from './database.ts'
import { openSyncs, type Syncs } from './syncs.ts'
import { Tail } from './tail.ts'
import { WriteQueue } from './write-queue.ts'

/** A partition's state; the file is locked, so memory and file agree after every transaction. */
export interface PartitionState {
  readonly id: number
  readonly topic: string
  readonly partition: number
  /** Offset after the last durable record: what readers see. */
  next: number
  /** Offset of the next record to append; above `next` while the disk is synced. */
  written: number
  /** Append time of the newest record, epoch ms: append times never go back. */
  newestAppended: number
}

export interface StoredTopic {
  readonly spec: TopicSpec
  readonly partitions: PartitionState[]
}

export interface Append {
  partition: number
  record: OutgoingRecord
}

interface Cursor {
  next: number
  appended: number
  /** What was appended, for the tail. */
  records: LogRecord[]
}

interface RecordRow {
  record_offset: number
  appended: number
  key: string | null
  value: Uint8Array | null
  headers: string | null
}

/**
 * The log's tables. `append` and `commit` share transactions and syncs (`WriteQueue`); every other method is synchronous
 * and one transaction, synced before it returns. Errors are those of `databaseError`.
 */
export class Storage {
  readonly topics = new Map<string, StoredTopic>()
  readonly #file: string
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #tail = new Tail()
  readonly #writes: WriteQueue
  readonly #syncs: Syncs
  /** Of the transaction that runs: where each partition that it appends to has come. */
  readonly #cursors = new Map<PartitionState, Cursor>()

  constructor(file: string) {
    this.#file = file
    this.#database = openDatabase(file)
    this.#syncs = openSyncs(file)
    this.#writes = new WriteQueue({
      transaction: (work) => this.#appending(work),
      sync: () => this.#syncs.sync().catch((error: unknown) => Promise.reject(databaseError(error, file))),
    })
    for (const row of this.#all('SELECT * FROM topics')) {
      const spec: TopicSpec = {
        name: row.name as string,
        partitions: row.partitions as number,
        retentionMs: row.retention_ms as number | null,
        compacted: row.compacted === 1,
        maxBytes: row.max_bytes as number,
      }
      this.topics.set(spec.name, { spec, partitions: this.#partitionsOf(spec.name) })
    }
  }

  createTopic(spec: TopicSpec): void {
    this.#transaction(() => {
      this.#run(
        'INSERT INTO topics VALUES (?, ?, ?, ?, ?)',
        spec.name,
        spec.partitions,
        spec.retentionMs,
        spec.compacted ? 1 : 0,
        spec.maxBytes,
      )
      for (let partition = 0; partition < spec.partitions; partition++) {
        this.#run(
          'INSERT INTO partitions (topic, partition, next_offset, newest_appended) VALUES (?, ?, 0, 0)',
          spec.name,
          partition,
        )
      }
    })
    this.topics.set(spec.name, { spec, partitions: this.#partitionsOf(spec.name) })
  }

  /** Resolves when the records are durable, with their positions in the order given. */
  async append(topic: StoredTopic, appends: Append[], now: number): Promise<Position[]> {
    const { name, compacted } = topic.spec
    let positions: Position[] = []
    const insert = this.#statement('INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)')
    await this.#writes.add(() => {
      positions = []
      for (const { partition, record } of appends) {
        const state = topic.partitions[partition]!
        const cursor = this.#cursorOf(state)
        cursor.appended = Math.max(cursor.appended, now)
        const { key, value, headers } = record
        const offset = cursor.next++
        const { appended } = cursor
        if (compacted) this.#forgetOlder(state.id, key, offset)
        const text = headers === undefined ? null : JSON.stringify(headers)
        insert.run(state.id, offset, appended, key, value, text)
        if (!compacted) {
          cursor.records.push({
            topic: name,
            partition,
            offset,
            key,
            value,
            headers: headers ?? {},
            appended,
          })
        }
        positions.push({ topic: name, partition, offset })
      }
    })
    return positions
  }

  /** Records from `offset` on, until there are `maxRecords` of them or their values exceed `maxBytes`; at least one if any. */
  read(state: PartitionState, offset: number, maxRecords: number, maxBytes: number): LogRecord[] {
    const kept = this.#tail.read(state.id, offset, maxRecords, maxBytes)
    if (kept !== null) return kept
    const records: LogRecord[] = []
    let bytes = 0
    try {
      const rows = this.#statement(
        'SELECT record_offset, appended, key, value, headers FROM records WHERE partition_id = ? AND record_offset >= ? AND record_offset < ? ORDER BY record_offset LIMIT ?',
      ).iterate(state.id, offset, state.next, maxRecords) as Iterable<unknown> as Iterable<RecordRow>
      for (const row of rows) {
        records.push({
          topic: state.topic,
          partition: state.partition,
          offset: row.record_offset,
          key: row.key,
          value: row.value === null ? null : asBuffer(row.value),
          headers: row.headers === null ? {} : (JSON.parse(row.headers) as Record<string, string>),
          appended: row.appended,
        })
        bytes += row.value?.byteLength ?? 0
        if (bytes >= maxBytes) break
      }
    } catch (error) {
      throw databaseError(error, this.#file)
    }
    return records
  }

  /** Offset of the oldest record kept, the end when there is none. */
  firstOffset(state: PartitionState): number {
    const row = this.#get(
      'SELECT record_offset FROM records WHERE partition_id = ? ORDER BY record_offset LIMIT 1',
      state.id,
    )
    return row === undefined ? state.next : (row.record_offset as number)
  }

  /** First offset appended at or after `appended`: a binary search, since append times never go back. */
  offsetAt(state: PartitionState, appended: number): number {
    let low = this.firstOffset(state)
    let high = state.next
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const row = this.#get(
        'SELECT record_offset, appended FROM records WHERE partition_id = ? AND record_offset >= ? ORDER BY record_offset LIMIT 1',
        state.id,
        middle,
      )
      if (row === undefined || (row.appended as number) >= appended) high = middle
      else low = (row.record_offset as number) + 1
    }
    const row = this.#get(
      'SELECT record_offset FROM records WHERE partition_id = ? AND record_offset >= ? ORDER BY record_offset LIMIT 1',
      state.id,
      low,
    )
    return row === undefined ? state.next : (row.record_offset as number)
  }

  /** Deletes at most `limit` of the oldest records below `offset`. */
  deleteBelow(state: PartitionState, offset: number, limit: number): void {
    const end = Math.min(offset, this.firstOffset(state) + limit)
    this.#tail.forget(state.id)
    this.#transaction(() => {
      this.#run('DELETE FROM records WHERE partition_id = ? AND record_offset < ?', state.id, end)
      this.#run('DELETE FROM newest_of_key WHERE partition_id = ? AND record_offset < ?', state.id, end)
    })
  }

  committed(group: string, state: PartitionState): number | null {
    const row = this.#get(
      'SELECT next_offset FROM group_offsets WHERE group_name = ? AND partition_id = ?',
      group,
      state.id,
    )
    return row === undefined ? null : (row.next_offset as number)
  }

  /** The lowest offset that any group has committed there, null when none has. */
  lowestCommitted(state: PartitionState): number | null {
    const row = this.#get(
      'SELECT min(next_offset) AS lowest FROM group_offsets WHERE partition_id = ?',
      state.id,
    )
    return (row?.lowest as number | null | undefined) ?? null
  }

  /** Resolves when the offsets are durable. */
  commit(group: string, offsets: { state: PartitionState; offset: number }[]): Promise<void> {
    if (offsets.length === 0) return Promise.resolve()
    return this.#writes.add(() => this.#storeOffsets(group, offsets))
  }

  /** As `commit`, at once. */
  commitNow(group: string, offsets: { state: PartitionState; offset: number }[]): void {
    this.#writes.flush()
    this.#transaction(() => this.#storeOffsets(group, offsets))
  }

  /** Forgets the groups whose names begin so: what they had committed holds no record any more. */
  deleteGroups(prefix: string): void {
    this.#writes.flush()
    this.#transaction(() => {
      for (const table of ['group_offsets', 'group_epochs']) {
        this.#run(`DELETE FROM ${table} WHERE substr(group_name, 1, ?) = ?`, prefix.length, prefix)
      }
    })
  }

  /** A number greater than every one that the group was given before, across restarts. */
  nextEpoch(group: string): number {
    this.#writes.flush()
    let epoch = 0
    this.#transaction(() => {
      const row = this.#statement(
        'INSERT INTO group_epochs VALUES (?, 1) ON CONFLICT DO UPDATE SET epoch = epoch + 1 RETURNING epoch',
      ).get(group)
      epoch = row!.epoch as number
    })
    return epoch
  }

  async close(): Promise<void> {
    await this.#writes.idle()
    this.#syncs.close()
    this.#statements.clear()
    this.#database.close()
  }

  #cursorOf(state: PartitionState): Cursor {
    let cursor = this.#cursors.get(state)
    if (cursor === undefined) {
      cursor = { next: state.written, appended: state.newestAppended, records: [] }
      this.#cursors.set(state, cursor)
    }
    return cursor
  }

  /** A transaction of the write queue: what it appended counts once it is durable. */
  #appending(work: () => void): () => void {
    this.#cursors.clear()
    this.#inTransaction(() => {
      work()
      for (const [{ id }, { next, appended }] of this.#cursors) {
        this.#run(
          'UPDATE partitions SET next_offset = ?, newest_appended = ? WHERE id = ?',
          next,
          appended,
          id,
        )
      }
    })
    const appended = [...this.#cursors]
    for (const [state, cursor] of appended) {
      state.written = cursor.next
      state.newestAppended = cursor.appended
    }
    return () => {
      for (const [state, { next, records }] of appended) {
        state.next = next
        if (records.length > 0) this.#tail.append(state.id, records)
      }
    }
  }

  #storeOffsets(group: string, offsets: { state: PartitionState; offset: number }[]): void {
    for (const { state, offset } of offsets) {
      this.#run(
        'INSERT INTO group_offsets VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset',
        group,
        state.id,
        offset,
      )
    }
  }

  #forgetOlder(id: number, key: string, offset: number): void {
    const older = this.#statement(
      'SELECT record_offset FROM newest_of_key WHERE partition_id = ? AND key = ?',
    ).get(id, key)
    if (older !== undefined) {
      this.#run('DELETE FROM records WHERE partition_id = ? AND record_offset = ?', id, older.record_offset!)
    }
    this.#run(
      'INSERT INTO newest_of_key VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET record_offset = excluded.record_offset',
      id,
      key,
      offset,
    )
  }

  #partitionsOf(topic: string): PartitionState[] {
    return this.#all('SELECT * FROM partitions WHERE topic = ? ORDER BY partition', topic).map((row) => ({
      id: row.id as number,
      topic,
      partition: row.partition as number,
      next: row.next_offset as number,
      written: row.next_offset as number,
      newestAppended: row.newest_appended as number,
    }))
  }

  #transaction(work: () => void): void {
    this.#inTransaction(work)
    try {
      this.#syncs.syncNow()
    } catch (error) {
      throw databaseError(error, this.#file)
    }
  }

  #inTransaction(work: () => void): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        work()
        this.#database.exec('COMMIT')
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        throw error
      }
    } catch (error) {
      throw databaseError(error, this.#file)
    }
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values)
  }

  #get(sql: string, ...values: (string | number)[]) {
    try {
      return this.#statement(sql).get(...values)
    } catch (error) {
      throw databaseError(error, this.#file)
    }
  }

  #all(sql: string, ...values: (string | number)[]) {
    return this.#statement(sql).all(...values)
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
