import { floorBin } from '../../domain/bin.ts'
import type { Observation } from '../../domain/observation.ts'
import type { PollRecord } from '../../domain/poll.ts'
import { OBSERVATION_COLUMNS, type ObservationColumn, POLL_COLUMNS } from './columns.ts'
import type { Cell } from './encode.ts'

/** A part's rows in the file's order: observations of one system and bin, or poll records of one system. */
export type PartRows =
  | { kind: 'bronze'; rows: readonly Observation[] }
  | { kind: 'polls'; rows: readonly PollRecord[] }

/** A line of JSON a row: its cells in column order. The same rows have the same text; a part's name follows from it. */
export function rowText(part: PartRows): string {
  return part.kind === 'bronze'
    ? part.rows
        .map(
          (row) => `${JSON.stringify(OBSERVATION_COLUMNS.map(({ name }) => observationCell(row, name)))}\n`,
        )
        .join('')
    : part.rows
        .map((poll) => `${JSON.stringify(POLL_COLUMNS.map(({ name }) => pollCell(poll, name)))}\n`)
        .join('')
}

/** Reads `rowText` back: the cells of each row. */
export function readRowText(text: string): Cell[][] {
  return JSON.parse(`[${text.trimEnd().replaceAll('\n', ',')}]`) as Cell[][]
}

export function observationCell(row: Observation, column: ObservationColumn): Cell {
  return column === 'tbin_utc' ? floorBin(row.ts_utc) : row[column]
}

export function pollCell(poll: PollRecord, column: keyof PollRecord): Cell {
  if (column !== 'refused') return poll[column]
  return JSON.stringify(poll.refused, Object.keys(poll.refused).sort())
}
