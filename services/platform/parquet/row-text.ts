import { floorBin } from '../../domain/bin.ts'
import type { ServedForecast } from '../../domain/forecasting/served-forecast.ts'
import type { Observation } from '../../domain/observation.ts'
import type { PollRecord } from '../../domain/poll.ts'
import { type Column, OBSERVATION_COLUMNS, type ObservationColumn, POLL_COLUMNS } from './columns.ts'
import type { Cell } from './encode.ts'
import { FORECAST_COLUMNS } from './forecast-columns.ts'

/** A part's rows in the file's order: all of one system, observations and forecasts of one bin. */
export type PartRows =
  | { kind: 'bronze'; rows: readonly Observation[] }
  | { kind: 'polls'; rows: readonly PollRecord[] }
  | { kind: 'forecasts'; rows: readonly ServedForecast[] }

/** Columns of a part's file, in file order. */
export const PART_COLUMNS: Readonly<Record<PartRows['kind'], readonly Column[]>> = {
  bronze: OBSERVATION_COLUMNS,
  polls: POLL_COLUMNS,
  forecasts: FORECAST_COLUMNS,
}

/** A line of JSON a row: its cells in column order. The same rows have the same text; a part's name follows from it. */
export function rowText(part: PartRows): string {
  switch (part.kind) {
    case 'bronze':
      return lines(part.rows, (row) => OBSERVATION_COLUMNS.map(({ name }) => observationCell(row, name)))
    case 'polls':
      return lines(part.rows, (poll) => POLL_COLUMNS.map(({ name }) => pollCell(poll, name)))
    case 'forecasts':
      return lines(part.rows, (forecast) => FORECAST_COLUMNS.map(({ name }) => forecast[name]))
  }
}

function lines<Row>(rows: readonly Row[], cells: (row: Row) => Cell[]): string {
  let text = ''
  for (const row of rows) text += `${JSON.stringify(cells(row))}\n`
  return text
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
