import type { FinalRow } from '../domain/aggregates/aggregate.ts'
import { pollTime } from '../domain/aggregates/poll-time.ts'
import { DAY_MS, dayName, floorDay } from '../domain/bin.ts'
import type { WindowSpan } from '../domain/health.ts'
import { type PollRecord, pollFetchKey } from '../domain/poll.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { POLL_COLUMNS } from '../platform/parquet/columns.ts'
import { openDuckDb, readParquetSql, type SqlValue } from '../platform/parquet/duckdb.ts'
import { finalRows, withFiles } from '../platform/parquet/observation-files.ts'
import { plainColumnsSql } from '../platform/parquet/read.ts'

/** Final rows and poll records of one system, as Parquet has them. One day in memory at a time. */
export interface ParquetHistory {
  /** The last observation of every (station, bin) of the span, which lies within one UTC day. */
  rows(span: WindowSpan): Promise<FinalRow[]>
  /** Poll records that count for the span, one for each fetch. */
  polls(span: WindowSpan): Promise<PollRecord[]>
  close(): Promise<void>
}

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
    rows: (span) => finalRows({ objects, database, system, span }),
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

async function pollFiles(objects: ObjectStore, system: string, span: WindowSpan): Promise<string[]> {
  const files: string[] = []
  const last = floorDay(span.end - 1) + POLL_FILE_DAYS * DAY_MS
  for (let day = floorDay(span.start) - POLL_FILE_DAYS * DAY_MS; day <= last; day += DAY_MS) {
    const found = await objects.list(`${system}/polls/date=${dayName(day)}/`)
    files.push(...found.map(({ path }) => path).filter((path) => path.endsWith('.parquet')))
  }
  return files
}

function pollOf(cells: Record<string, SqlValue>): PollRecord {
  return { ...cells, refused: JSON.parse(String(cells.refused)) } as unknown as PollRecord
}
