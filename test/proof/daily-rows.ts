import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { COLUMNS, type Row } from './expected-rows.ts'

const TIMES: readonly string[] = [
  'ts_utc',
  'tbin_utc',
  'last_reported',
  'published_utc',
  'fetched_utc',
  'weather_hour',
  'weather_issued',
]

/** Every row of every daily file of a directory, in the files' own order, times as epoch ms. */
export async function dailyRows(directory: string): Promise<Row[]> {
  const database = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await database.connect()
  const columns = COLUMNS.map((name) =>
    TIMES.includes(name) ? `epoch_ms(${name})::DOUBLE` : `"${name}"`,
  ).join(', ')
  const rows: Row[] = []
  for (const name of readdirSync(directory).sort()) {
    const reader = await connection.runAndReadAll(
      `SELECT ${columns} FROM read_parquet('${join(directory, name)}')`,
    )
    rows.push(...(reader.getRows() as Row[]))
  }
  connection.closeSync()
  database.closeSync()
  return rows
}

/** Days of a directory's daily files. */
export function dailyDays(directory: string): string[] {
  return readdirSync(directory)
    .sort()
    .map((name) => name.slice('compact_'.length, -'.parquet'.length))
}

/** SHA-256 of every file below a directory, by path. */
export function fileHashes(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort()
  return Object.fromEntries(
    paths.map((path) => [
      path.slice(directory.length + 1),
      createHash('sha256').update(readFileSync(path)).digest('hex'),
    ]),
  )
}
