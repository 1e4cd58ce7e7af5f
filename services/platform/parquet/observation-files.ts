import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FinalRow } from '../../domain/aggregates/aggregate.ts'
import { dayName, floorHour, HOUR_MS, monthName } from '../../domain/bin.ts'
import { hasCode } from '../errors.ts'
import { bronzeDayPrefix, dailyPath, monthlyPath } from '../object-store/layout.ts'
import type { ObjectStore } from '../object-store/port.ts'
import { OBSERVATION_COLUMNS } from './columns.ts'
import { type DuckDb, readParquetSql, type SqlValue } from './duckdb.ts'
import { LAST_FIRST_SQL } from './observation-sql.ts'
import { plainColumnsSql } from './read.ts'

/** Epoch ms, on the grid, within one UTC day; `end` is exclusive. */
interface DaySpan {
  start: number
  end: number
}

/** Times that a listing is read anew when a file of it was compacted away meanwhile. */
const LISTINGS = 5

/**
 * The last observation of every (station, bin) of a span that was fetched up to a moment, by bin and station: from bronze,
 * daily or monthly files. Holds them all.
 */
export async function finalRows({
  objects,
  database,
  system,
  span,
  fetchedThrough,
}: {
  objects: ObjectStore
  database: DuckDb
  system: string
  span: DaySpan
  fetchedThrough?: number
}): Promise<FinalRow[]> {
  const fetched = fetchedThrough === undefined ? '' : `AND epoch_ms(fetched_utc) <= ${fetchedThrough}`
  const found = await withFiles(
    { objects, database, list: () => observationFiles(objects, system, span) },
    (files) =>
      database.rows(
        `SELECT ${plainColumnsSql(OBSERVATION_COLUMNS)} FROM ${readParquetSql(files)}
         WHERE epoch_ms(tbin_utc) >= ${span.start} AND epoch_ms(tbin_utc) < ${span.end} ${fetched}
         QUALIFY row_number() OVER (PARTITION BY station_id, tbin_utc ORDER BY ${LAST_FIRST_SQL}) = 1
         ORDER BY tbin_utc, station_id`,
      ),
  )
  return found.map(rowOf)
}

/**
 * Bronze first, then the day, then the month: compaction publishes the larger file before it purges the smaller
 * ones, so whatever is gone from the first listing is in a later one.
 */
export async function observationFiles(
  objects: ObjectStore,
  system: string,
  span: DaySpan,
): Promise<string[]> {
  const day = dayName(span.start)
  const folder = bronzeDayPrefix(system, day)
  const listed = await objects.list(folder)
  const hours = new Set<string>()
  for (let hour = floorHour(span.start); hour < span.end; hour += HOUR_MS) {
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
