import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const synchronise = promisify(fdatasync)

/** Makes transactions of a database in WAL mode durable. */
export interface Syncs {
  sync(): Promise<void>
  syncNow(): void
  close(): void
}

/**
 * Syncs the write-ahead log of `file` (open, in WAL mode, with synchronous=NORMAL): what SQLite itself does at each
 * commit with FULL, but off the event loop, and once for several transactions. SQLite keeps the same log file
 * until the database is closed. Memory has nothing to sync.
 */
export function openSyncs(file: string): Syncs {
  if (file === ':memory:') return { sync: async () => {}, syncNow() {}, close() {} }
  const log = openSync(`${file}-wal`, 'r+')
  fsyncSync(log)
  const directory = openSync(dirname(file), 'r')
  fsyncSync(directory)
  closeSync(directory)
  return {
    sync: () => synchronise(log),
    syncNow: () => fdatasyncSync(log),
    close: () => closeSync(log),
  }
}
