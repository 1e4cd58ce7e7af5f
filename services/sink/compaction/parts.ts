import { OBSERVATION_COLUMNS } from '../../platform/parquet/columns.ts'
import { type DuckDb, quote, readParquetSql } from '../../platform/parquet/duckdb.ts'
import type { LocalCopy } from './job.ts'

/** A file that could not be read: never deleted, named in the report. */
export interface Unreadable {
  path: string
  reason: string
}

const COLUMNS = OBSERVATION_COLUMNS.map(({ name }) => `"${name}"`).join(', ')

/**
 * Appends the rows of files to a table, each file whole or not at all, in any order: both threads append as they read,
 * else they wait for one another and keep what they have read. All at once first; only when that fails one by one, to
 * find which cannot be read.
 */
export async function loadParts(options: {
  database: DuckDb
  table: string
  copies: readonly LocalCopy[]
}): Promise<{ readable: LocalCopy[]; unreadable: Unreadable[] }> {
  const { database, table, copies } = options
  if (copies.length === 0) return { readable: [], unreadable: [] }
  const append = (files: readonly LocalCopy[]): Promise<void> =>
    database.run(
      `INSERT INTO ${table} SELECT ${COLUMNS} FROM ${readParquetSql(files.map(({ file }) => file))}`,
    )
  try {
    await database.run('SET preserve_insertion_order = false')
    await append(copies)
    return { readable: [...copies], unreadable: [] }
  } catch {
    const readable: LocalCopy[] = []
    const unreadable: Unreadable[] = []
    for (const copy of copies) {
      try {
        await append([copy])
        readable.push(copy)
      } catch (error) {
        unreadable.push({ path: copy.path, reason: firstLine(error).replaceAll(copy.file, copy.path) })
      }
    }
    return { readable, unreadable }
  } finally {
    await database.run('RESET preserve_insertion_order')
  }
}

/**
 * Splits parts into those whose every (station, bin) is in the published file, and the others.
 * Reads two columns of each.
 */
export async function verifyParts(options: {
  database: DuckDb
  published: string
  parts: readonly LocalCopy[]
}): Promise<{ verified: LocalCopy[]; unverified: LocalCopy[] }> {
  const { database, published, parts } = options
  if (parts.length === 0) return { verified: [], unverified: [] }
  const files = `[${parts.map(({ file }) => quote(file)).join(', ')}]`
  const missing = await database.rows(`
    SELECT DISTINCT filename FROM read_parquet(${files}, filename = true) part
    ANTI JOIN (SELECT station_id, tbin_utc FROM ${readParquetSql([published])}) daily USING (station_id, tbin_utc)`)
  const names = new Set(missing.map(({ filename }) => filename))
  return {
    verified: parts.filter(({ file }) => !names.has(file)),
    unverified: parts.filter(({ file }) => names.has(file)),
  }
}

export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!
}
