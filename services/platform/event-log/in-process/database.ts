import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makeDirectory } from '../../directory.ts'
import { VelocastError } from '../../errors.ts'

const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_IOERR = 10
const SQLITE_FULL = 13

/** Bytes that the write-ahead log is cut back to after a checkpoint. */
const WAL_LIMIT_BYTES = 64 * 1024 * 1024

const SCHEMA = `
CREATE TABLE IF NOT EXISTS topics (
  name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, retention_ms INTEGER, compacted INTEGER NOT NULL,
  max_bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partitions (
  id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
  newest_appended INTEGER NOT NULL, UNIQUE (topic, partition)
);
CREATE TABLE IF NOT EXISTS batches (
  partition_id INTEGER NOT NULL, next_offset INTEGER NOT NULL, first_offset INTEGER NOT NULL, appended INTEGER NOT NULL,
  meta TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (partition_id, next_offset)
);
CREATE TABLE IF NOT EXISTS deleted_below (
  partition_id INTEGER PRIMARY KEY, first_offset INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS records (
  partition_id INTEGER NOT NULL, record_offset INTEGER NOT NULL, appended INTEGER NOT NULL, key TEXT, value BLOB,
  headers TEXT, PRIMARY KEY (partition_id, record_offset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS newest_of_key (
  partition_id INTEGER NOT NULL, key TEXT NOT NULL, record_offset INTEGER NOT NULL, PRIMARY KEY (partition_id, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS group_offsets (
  group_name TEXT NOT NULL, partition_id INTEGER NOT NULL, next_offset INTEGER NOT NULL,
  PRIMARY KEY (group_name, partition_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS group_epochs (group_name TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
`

/**
 * Opens (or creates) the log's SQLite file and holds it until it is closed: a second process gets `log_unreachable`.
 * WAL with synchronous=NORMAL: a killed process loses nothing. Whoever writes syncs the log (`openSyncs`) before it
 * tells anybody: else after a power loss the tail could be gone while offsets beyond it are already stored with Parquet,
 * and new records there would be skipped.
 */
export function openDatabase(file: string): DatabaseSync {
  try {
    if (file !== ':memory:') makeDirectory(dirname(file))
    const database = new DatabaseSync(file, { timeout: 0 })
    try {
      database.exec('PRAGMA locking_mode=EXCLUSIVE')
      database.exec(
        `PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=${WAL_LIMIT_BYTES}`,
      )
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    throw databaseError(error, file)
  }
}

/** What it means that the file is no longer the one that was opened. */
export function fileRemoved(file: string): VelocastError {
  return new VelocastError({
    code: 'log_unreachable',
    message: `event log was removed or replaced while it was in use, start again and leave its directory alone: ${file}`,
  })
}

/** What a failure of the file means; errors of ours pass unchanged. */
export function databaseError(error: unknown, file: string): VelocastError {
  if (error instanceof VelocastError) return error
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : null
  if (code === SQLITE_BUSY || code === SQLITE_LOCKED) {
    return new VelocastError({
      code: 'log_unreachable',
      message: `event log is in use by another process, stop it or choose another data directory: ${file}`,
      cause: error,
    })
  }
  if (code === SQLITE_FULL || code === SQLITE_IOERR) {
    return new VelocastError({
      code: 'log_unreachable',
      retryable: true,
      message: `event log cannot be written, free some space on its disk: ${file}`,
      cause: error,
    })
  }
  const detail = error instanceof Error ? error.message : String(error)
  return new VelocastError({
    code: 'log_unreachable',
    message: `event log cannot be opened or read (${detail}), check the file or choose another data directory: ${file}`,
    cause: error,
  })
}
