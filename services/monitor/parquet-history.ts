import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinalRow } from '../domain/aggregates/aggregate.ts'
import { pollTime } from '../domain/aggregates/poll-time.ts'
import { DAY_MS, dayName, floorDay, HOUR_MS, monthName } from '../domain/bin.ts'
import type { WindowSpan } from '../domain/health.ts'
import { type PollRecord, pollFetchKey } from '../domain/poll.ts'
import { hasCode } from '../platform/errors.ts'
import { bronzeDayPrefix, dailyPath, monthlyPath } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { OBSERVATION_COLUMNS, POLL_COLUMNS } from '../platform/parquet/columns.ts'
import { type DuckDb, openDuckDb, readParquetSql, type SqlValue } from '../platform/parquet/duckdb.ts'
import { LAST_FIRST_SQL } from '../platform/parquet/observation-sql.ts'
import { plainColumnsSql } from '../platform/parquet/read.ts'

/** Final rows and poll records of one system, as Parquet has them. One day in memory at a time. */
export interface ParquetHistory {
  /** The last observation of every (station, bin) of the span, which lies within one UTC day. */
  rows(span: WindowSpan): Promise<FinalRow[]>
  /** Poll records that count for the span, one for each fetch. */
  polls(span: WindowSpan): Promise<PollRecord[]>
  close(): Promise<void>
}

/** Times that a listing is read anew when a file of it was compacted away meanwhile. */
const LISTINGS = 5
/** Poll files are named by their first fetch; one holds polls of some hours at most, and event time may run ahead. */
const POLL_FILE_DAYS = 1

export async function openParquetHistory({
  objects,
  system,
}: {
  objects: ObjectStore
  system: string
}): Promise<ParquetHistory> {
  const database = await openDuckDb({ threads: 1 })
  return {
    async rows(span) {
      const found = await withFiles(
        { objects, database, list: () => observationFiles(objects, system, span) },
        (files) =>
          database.rows(
            `SELECT ${plainColumnsSql(OBSERVATION_COLUMNS)} FROM ${readParquetSql(files)}
           WHERE epoch_ms(tbin_utc) >= ${span.start} AND epoch_ms(tbin_utc) < ${span.end}
           QUALIFY row_number() OVER (PARTITION BY station_id, tbin_utc ORDER BY ${LAST_FIRST_SQL}) = 1
           ORDER BY tbin_utc, station_id`,
          ),
      )
      return found.map(rowOf)
    },
    async polls(span) {
      const found = await withFiles(
        { objects, database, list: () => pollFiles(objects, system, span) },
        (files) => database.rows(`SELECT ${plainColumnsSql(POLL_COLUMNS)} FROM ${readParquetSql(files)}`),
      )
      const fetches = new Map(found.map(pollOf).map((poll) => [pollFetchKey(poll), poll]))
      return [...fetches.values()].filter((poll) => pollTime(poll) >= span.start && pollTime(poll) < span.end)
    },
    close: () => database.close(),
  }
}

/**
 * Bronze first, then the day, then the month: compaction publishes the larger file before it purges the smaller
 * ones, so whatever is gone from the first listing is in a later one.
 */
export async function observationFiles(
  objects: ObjectStore,
  system: string,
  span: WindowSpan,
): Promise<string[]> {
  const day = dayName(span.start)
  const folder = bronzeDayPrefix(system, day)
  const listed = await objects.list(folder)
  const hours = new Set<string>()
  for (let hour = span.start; hour < span.end; hour += HOUR_MS) {
    hours.add(new Date(hour).toISOString().slice(11, 13))
  }
  const bronze = listed
    .map(({ path }) => path)
    .filter(
      (path) => path.endsWith('.parquet') && hours.has(path.slice(folder.length + 5, folder.length + 7)),
    )
  const larger: string[] = []
  for (const path of [dailyPath(system, day), monthlyPath(system, monthName(span.start))]) {
    if ((await objects.list(path)).some((found) => found.path === path)) larger.push(path)
  }
  return [...bronze, ...larger.slice(0, 1)]
}

async function pollFiles(objects: ObjectStore, system: string, span: WindowSpan): Promise<string[]> {
  const files: string[] = []
  const last = floorDay(span.end - 1) + POLL_FILE_DAYS * DAY_MS
  for (let day = floorDay(span.start) - POLL_FILE_DAYS * DAY_MS; day <= last; day += DAY_MS) {
    const found = await objects.list(`${system}/polls/date=${dayName(day)}/`)
    files.push(...found.map(({ path }) => path).filter((path) => path.endsWith('.parquet')))
  }
  return files
}

/** Runs `read` over local copies of the listed objects (`paths`, same order); not at all when there are none. */
export async function withFiles<Row>(
  { objects, database, list }: { objects: ObjectStore; database: DuckDb; list: () => Promise<string[]> },
  read: (files: string[], paths: string[]) => Promise<Row[]>,
): Promise<Row[]> {
  for (let attempt = 1; ; attempt += 1) {
    const files: string[] = []
    try {
      const paths = await list()
      for (const path of paths) {
        const file = join(database.directory, `${files.length}.parquet`)
        files.push(file)
        await objects.download(path, file)
      }
      return files.length === 0 ? [] : await read(files, paths)
    } catch (error) {
      if (!hasCode(error, 'store_object_missing') || attempt === LISTINGS) throw error
    } finally {
      await Promise.all(files.map((file) => rm(file, { force: true })))
    }
  }
}

function rowOf(cells: Record<string, SqlValue>): FinalRow {
  const { tbin_utc: _bin, ...row } = cells
  for (const name of ['temp_C', 'precip_mm', 'wind_mps']) {
    if (row[name] !== null) row[name] = Math.fround(Number(row[name]))
  }
  return row as unknown as FinalRow
}

function pollOf(cells: Record<string, SqlValue>): PollRecord {
  return { ...cells, refused: JSON.parse(String(cells.refused)) } as unknown as PollRecord
}
