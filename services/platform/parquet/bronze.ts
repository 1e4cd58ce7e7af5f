import { createHash } from 'node:crypto'
import { floorBin } from '../../domain/bin.ts'
import type { Observation } from '../../domain/observation.ts'
import type { PollRecord } from '../../domain/poll.ts'
import {
  OBSERVATION_COLUMNS,
  type ObservationColumn,
  PARQUET_SCHEMA_VERSION,
  POLL_COLUMNS,
} from './columns.ts'
import { type Cell, encodeParquet } from './encode.ts'

/** Rows whose text is hashed in one call: a call costs more than a row. */
const HASHED_ROWS = 500

export interface EncodeBronzeOptions {
  /** Observations of one system and bin, at most one a station, in the file's order (by station_id). */
  rows: readonly Observation[]
  /** Offsets of the records that gave the rows: `first` is the lowest, `next` the one after the highest. */
  offsets?: { partition: number; first: number; next: number }
}

/** A bronze part: columns OBSERVATION_COLUMNS; metadata schema version, rows and offset range. */
export function encodeBronze({ rows, offsets }: EncodeBronzeOptions): Uint8Array {
  return encodeParquet({
    columns: OBSERVATION_COLUMNS,
    rows: rows.length,
    cell: (column, row) => observationCell(rows[row]!, column),
    metadata: metadataOf(rows.length, offsets),
  })
}

/** Poll records of one system in the order they came: columns POLL_COLUMNS. */
export function encodePolls({
  polls,
  offsets,
}: {
  polls: readonly PollRecord[]
  offsets?: EncodeBronzeOptions['offsets']
}): Uint8Array {
  return encodeParquet({
    columns: POLL_COLUMNS,
    rows: polls.length,
    cell: (column, row) => pollCell(polls[row]!, column),
    metadata: metadataOf(polls.length, offsets),
  })
}

/** First 12 hex digits of the SHA-256 of the rows' values in column order: the same rows have the same name. */
export function bronzeContentName(rows: readonly Observation[]): string {
  return contentName(rows, (row) => OBSERVATION_COLUMNS.map(({ name }) => observationCell(row, name)))
}

/** As `bronzeContentName`, for poll records. */
export function pollsContentName(polls: readonly PollRecord[]): string {
  return contentName(polls, (poll) => POLL_COLUMNS.map(({ name }) => pollCell(poll, name)))
}

function contentName<Row>(rows: readonly Row[], cells: (row: Row) => Cell[]): string {
  const hash = createHash('sha256')
  for (let from = 0; from < rows.length; from += HASHED_ROWS) {
    const part = rows.slice(from, from + HASHED_ROWS)
    hash.update(part.map((row) => `${JSON.stringify(cells(row))}\n`).join(''))
  }
  return hash.digest('hex').slice(0, 12)
}

function observationCell(row: Observation, column: ObservationColumn): Cell {
  return column === 'tbin_utc' ? floorBin(row.ts_utc) : row[column]
}

function pollCell(poll: PollRecord, column: keyof PollRecord): Cell {
  if (column !== 'refused') return poll[column]
  return JSON.stringify(poll.refused, Object.keys(poll.refused).sort())
}

function metadataOf(rows: number, offsets: EncodeBronzeOptions['offsets']): Record<string, string> {
  const metadata = { schema_version: PARQUET_SCHEMA_VERSION, rows: String(rows) }
  if (offsets === undefined) return metadata
  const { partition, first, next } = offsets
  return { ...metadata, partition: String(partition), first_offset: String(first), next_offset: String(next) }
}
