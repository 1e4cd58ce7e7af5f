import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { DATABASE_PREFIX } from './left-databases.ts'

export interface DuckDbOptions {
  /** More than 2 gives nothing at a day's size. Results and files are the same for any number. Default 2. */
  threads?: 1 | 2
  /**
   * DuckDB's own bound, megabytes; what does not fit is spilled to `directory`. The process as a whole, Node included,
   * takes about 330 more. Default 128: enough for a million rows, though a sort of them spills.
   */
  memoryMegabytes?: number
  /** Default: a directory of the system's temporary one, removed by `close`. */
  directory?: string
}

export type SqlValue = string | number | boolean | null

/** One in-memory database for reading and writing Parquet. */
export interface DuckDb {
  /** A directory for this database's temporary files; `close` removes it unless it was given. */
  readonly directory: string
  run(sql: string): Promise<void>
  /** All rows in memory: for results of known size. Whole numbers beyond 2^53 and decimals come as text. */
  rows(sql: string): Promise<Record<string, SqlValue>[]>
  /**
   * Streams a result in chunks of at most 2,048 rows, column by column, so that its size does not matter. `take` gets the
   * values of each column, in the order of the select list; whole numbers of 64 bits come as bigint.
   */
  stream(sql: string, take: (columns: readonly (readonly unknown[])[], rows: number) => void): Promise<void>
  close(): Promise<void>
}

/**
 * Opens a database whose memory, threads and spilling are bounded. Queries run outside of the event loop.
 * Never reads the network, nor extensions.
 */
export async function openDuckDb(options: DuckDbOptions = {}): Promise<DuckDb> {
  const { threads = 2, memoryMegabytes = 128 } = options
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), DATABASE_PREFIX)))
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: `${memoryMegabytes}MB`,
    temp_directory: join(directory, 'spill'),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    // It takes a file that was replaced under its name for the one that it read before: stale blocks, or none that fit.
    enable_external_file_cache: 'false',
  }).catch(async (error) => {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
    throw error
  })
  const connection: DuckDBConnection = await instance.connect()
  return {
    directory,
    async run(sql) {
      await connection.run(sql)
    },
    async rows(sql) {
      const reader = await connection.runAndReadAll(sql)
      const kinds = reader.columnTypes().map((type) => SAFE_NUMBERS.has(type.toString().replace(/\(.*/, '')))
      const names = reader.deduplicatedColumnNames()
      return reader.getRowsJson().map((values) => {
        const cells = names.map((name, index) => [name, cellOf(values[index], kinds[index]!)])
        return Object.fromEntries(cells) as Record<string, SqlValue>
      })
    },
    async stream(sql, take) {
      const result = await connection.stream(sql)
      for (;;) {
        const chunk = await result.fetchChunk()
        if (chunk === null || chunk.rowCount === 0) return
        take(chunk.getColumns(), chunk.rowCount)
      }
    },
    async close() {
      connection.closeSync()
      instance.closeSync()
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}

/** A SQL text literal. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** `read_parquet` of these files, in the order given. */
export function readParquetSql(files: readonly string[]): string {
  return `read_parquet([${files.map(quote).join(', ')}])`
}

const SAFE_NUMBERS = new Set(['BIGINT', 'UBIGINT', 'HUGEINT'])

function cellOf(value: unknown, mayBeNumber: boolean): SqlValue {
  if (mayBeNumber && typeof value === 'string') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }
  return value === undefined || value === null
    ? null
    : typeof value === 'object'
      ? JSON.stringify(value)
      : (value as SqlValue)
}
