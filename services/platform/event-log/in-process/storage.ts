import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { holdFile } from '../../held-file.ts'
import type { LogRecord, OutgoingRecord, Position, TopicSpec } from '../port.ts'
import { BatchTable } from './batch-table.ts'
import { databaseError, fileRemoved, openDatabase } from './database.ts'
import { KeyedTable } from './keyed-table.ts'
import type { RecordTable } from './record-table.ts'
import { openSyncs, type Syncs } from './syncs.ts'
import { Tail } from './tail.ts'
import { WriteQueue } from './write-queue.ts'

/** A partition's state; the file is locked, so memory and file agree after every transaction. */
export interface PartitionState {
  readonly id: number
  readonly topic: string
  readonly partition: number
  readonly compacted: boolean
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

/**
 * The log's tables. `append` and `commit` share transactions and syncs (`WriteQueue`); every other method is synchronous
 * and one transaction, synced before it returns. Errors are those of `databaseError`.
 */
export class Storage {
  readonly topics = new Map<string, StoredTopic>()
  readonly #file: string
  readonly #isThere: () => boolean
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #tail = new Tail()
  readonly #writes: WriteQueue
  readonly #syncs: Syncs
  readonly #batches: BatchTable
  readonly #keyed: RecordTable
  /** Of the transaction that runs: where each partition that it appends to has come. */
  readonly #cursors = new Map<PartitionState, Cursor>()

  constructor(file: string) {
    this.#file = file
    this.#database = openDatabase(file)
    this.#isThere = file === ':memory:' ? () => true : holdFile(file)
    this.#syncs = openSyncs(file)
    this.#batches = new BatchTable(this.#database)
    this.#keyed = new KeyedTable(this.#database)
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
      this.topics.set(spec.name, { spec, partitions: this.#partitionsOf(spec) })
    }
    this.#adoptRecords()
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
    this.topics.set(spec.name, { spec, partitions: this.#partitionsOf(spec) })
  }

  /** Resolves when the records are durable, with their positions in the order given. */
  async append(topic: StoredTopic, appends: Append[], now: number): Promise<Position[]> {
    const { name, compacted } = topic.spec
    const positions = new Array<Position>(appends.length)
    const parts = [...Map.groupBy(appends.entries(), ([, { partition }]) => partition)].map(
      ([partition, entries]) => {
        const state = topic.partitions[partition]!
        const records = entries.map(([, { record }]) => record)
        const places = entries.map(([place]) => place)
        return { state, records, places, insert: this.#tableOf(state).prepare(records) }
      },
    )
    await this.#writes.add(() => {
      for (const { state, records, places, insert } of parts) {
        const { partition } = state
        const cursor = this.#cursorOf(state)
        const appended = Math.max(cursor.appended, now)
        insert(state, cursor.next, appended)
        for (const [index, { key, value, headers = {} }] of records.entries()) {
          const offset = cursor.next + index
          positions[places[index]!] = { topic: name, partition, offset }
          if (!compacted) {
            cursor.records.push({ topic: name, partition, offset, key, value, headers, appended })
          }
        }
        cursor.next += records.length
        cursor.appended = appended
      }
    })
    return positions
  }

  /** As `RecordTable.read`; the newest come from memory. */
  read(state: PartitionState, offset: number, maxRecords: number, maxBytes: number): LogRecord[] {
    const kept = this.#tail.read(state.id, offset, maxRecords, maxBytes)
    return kept ?? this.#reading(() => this.#tableOf(state).read(state, offset, maxRecords, maxBytes))
  }

  firstOffset(state: PartitionState): number {
    return this.#reading(() => this.#tableOf(state).firstOffset(state))
  }

  offsetAt(state: PartitionState, appended: number): number {
    return this.#reading(() => this.#tableOf(state).offsetAt(state, appended))
  }

  /** Deletes at most `limit` of the oldest records below `offset`. */
  deleteBelow(state: PartitionState, offset: number, limit: number): void {
    const end = Math.min(offset, this.firstOffset(state) + limit)
    this.#tail.forget(state.id)
    this.#transaction(() => this.#tableOf(state).deleteBelow(state, end))
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

  /** Earlier versions kept the records of every topic one by one. */
  #adoptRecords(): void {
    const adopted = this.#all(
      'SELECT id FROM partitions JOIN topics ON name = topic WHERE compacted = 0 AND id IN (SELECT partition_id FROM records)',
    ).map(({ id }) => id)
    if (adopted.length === 0) return
    const states = [...this.topics.values()].flatMap(({ partitions }) => partitions)
    this.#transaction(() => {
      for (const state of states.filter(({ id }) => adopted.includes(id))) {
        this.#batches.deleteBelow(state, this.#keyed.firstOffset(state))
        for (let next = 0; next < state.next; ) {
          const records = this.#keyed.read(state, next, 1_000, Number.POSITIVE_INFINITY)
          for (const [appended, together] of Map.groupBy(records, (record) => record.appended)) {
            this.#batches.prepare(together)(state, together[0]!.offset, appended)
          }
          next = (records.at(-1)?.offset ?? state.next) + 1
        }
        this.#keyed.deleteBelow(state, state.next)
      }
    })
  }

  #tableOf({ compacted }: PartitionState): RecordTable {
    return compacted ? this.#keyed : this.#batches
  }

  #partitionsOf({ name, compacted }: TopicSpec): PartitionState[] {
    return this.#all('SELECT * FROM partitions WHERE topic = ? ORDER BY partition', name).map((row) => ({
      id: row.id as number,
      topic: name,
      partition: row.partition as number,
      compacted,
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
    if (!this.#isThere()) throw fileRemoved(this.#file)
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
    return this.#reading(() => this.#statement(sql).get(...values))
  }

  #all(sql: string, ...values: (string | number)[]) {
    return this.#statement(sql).all(...values)
  }

  #reading<Result>(read: () => Result): Result {
    try {
      return read()
    } catch (error) {
      throw databaseError(error, this.#file)
    }
  }
}
