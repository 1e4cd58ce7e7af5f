import { createHash } from 'node:crypto'
import type { Observation } from '../../domain/observation.ts'
import type { PollRecord } from '../../domain/poll.ts'
import { OBSERVATION_COLUMNS, PARQUET_SCHEMA_VERSION, POLL_COLUMNS } from './columns.ts'
import { encodeParquet } from './encode.ts'
import { observationCell, PART_COLUMNS, type PartRows, pollCell, readRowText, rowText } from './row-text.ts'

/**
 * Partition of the records that gave a part's rows, and their offsets where it has them: `first` is the lowest, `next`
 * the one after the highest.
 */
export interface PartOffsets {
  partition: number
  first?: number
  next?: number
}

export interface EncodeBronzeOptions {
  /** Observations of one system and bin, at most one a station, in the file's order (by station_id). */
  rows: readonly Observation[]
  offsets?: PartOffsets
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
  offsets?: PartOffsets
}): Uint8Array {
  return encodeParquet({
    columns: POLL_COLUMNS,
    rows: polls.length,
    cell: (column, row) => pollCell(polls[row]!, column),
    metadata: metadataOf(polls.length, offsets),
  })
}

/** Any part, from its rows' text: `encodeBronze` and `encodePolls` give the same bytes. */
export function encodePartText(options: {
  kind: PartRows['kind']
  text: string
  offsets?: PartOffsets
}): Uint8Array {
  const columns = PART_COLUMNS[options.kind]
  const places = new Map(columns.map(({ name }, place) => [name, place]))
  const rows = readRowText(options.text)
  return encodeParquet({
    columns,
    rows: rows.length,
    cell: (column, row) => rows[row]![places.get(column)!]!,
    metadata: metadataOf(rows.length, options.offsets),
  })
}

/** First 12 hex digits of the SHA-256 of the rows' values in column order: the same rows have the same name. */
export function bronzeContentName(rows: readonly Observation[]): string {
  return contentNameOf(rowText({ kind: 'bronze', rows }))
}

/** As `bronzeContentName`, for poll records. */
export function pollsContentName(polls: readonly PollRecord[]): string {
  return contentNameOf(rowText({ kind: 'polls', rows: polls }))
}

/** As `bronzeContentName`, from the rows' text. */
export function contentNameOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

function metadataOf(rows: number, offsets: PartOffsets | undefined): Record<string, string> {
  const metadata = { schema_version: PARQUET_SCHEMA_VERSION, rows: String(rows) }
  if (offsets === undefined) return metadata
  const { partition, first, next } = offsets
  return {
    ...metadata,
    partition: String(partition),
    ...(first === undefined ? {} : { first_offset: String(first) }),
    ...(next === undefined ? {} : { next_offset: String(next) }),
  }
}
