import type { Column } from './columns.ts'
import { type DuckDb, quote, readParquetSql, type SqlValue } from './duckdb.ts'
import { METADATA_KEY } from './encode.ts'

/** Columns as SQL with timestamps as epoch ms: what `Observation` and `PollRecord` hold. */
export function plainColumnsSql(columns: readonly Column[]): string {
  return columns
    .map(({ name, type }) => (type === 'timestamp' ? `epoch_ms("${name}") AS "${name}"` : `"${name}"`))
    .join(', ')
}

/** Columns as SQL in the types that files have: timestamps of milliseconds. */
export function fileColumnsSql(columns: readonly Column[]): string {
  return columns
    .map(({ name, type }) => (type === 'timestamp' ? `"${name}"::TIMESTAMP_MS AS "${name}"` : `"${name}"`))
    .join(', ')
}

/** Every row of the files, in file order, timestamps as epoch ms. Holds them all: for files of known size. */
export function readParquetRows({
  database,
  files,
  columns,
}: {
  database: DuckDb
  files: readonly string[]
  columns: readonly Column[]
}): Promise<Record<string, SqlValue>[]> {
  return database.rows(`SELECT ${plainColumnsSql(columns)} FROM ${readParquetSql(files)}`)
}

/** Key-value metadata of a file's footer: bronze's one entry unfolded, what writers add for themselves left out. */
export async function readParquetMetadata(database: DuckDb, file: string): Promise<Record<string, string>> {
  const rows = await database.rows(
    `SELECT decode("key") AS k, decode("value") AS v FROM parquet_kv_metadata(${quote(file)}) ORDER BY k`,
  )
  const entries = rows
    .filter(({ k }) => k !== 'ARROW:schema')
    .map(({ k, v }) => [String(k), String(v)] as const)
  const { [METADATA_KEY]: folded, ...metadata } = Object.fromEntries(entries)
  return folded === undefined ? metadata : { ...metadata, ...(JSON.parse(folded) as Record<string, string>) }
}
