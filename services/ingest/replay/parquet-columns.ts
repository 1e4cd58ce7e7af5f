import { floorHour } from '../../domain/bin.ts'
import type { StationDescription } from '../../domain/gbfs/information.ts'
import type { Refusal, StationState } from '../../domain/status.ts'
import type { WeatherHour } from '../../domain/weather.ts'

/** Columns that are read where a file has them; ts_utc, station_id and bikes it must have. */
export const PARQUET_COLUMNS = [
  'ts_utc',
  'station_id',
  'bikes',
  'docks',
  'mechanical',
  'ebike',
  'capacity',
  'bikes_disabled',
  'docks_disabled',
  'is_installed',
  'is_renting',
  'is_returning',
  'status',
  'last_reported',
  'temp_C',
  'precip_mm',
  'wind_mps',
] as const
export type ParquetColumn = (typeof PARQUET_COLUMNS)[number]
export const REQUIRED_COLUMNS: readonly ParquetColumn[] = ['ts_utc', 'station_id', 'bikes']

const TIMES: readonly ParquetColumn[] = ['ts_utc', 'last_reported']
const TEXTS: readonly ParquetColumn[] = ['station_id', 'status']
const FLAGS: readonly ParquetColumn[] = ['is_installed', 'is_renting', 'is_returning']

/** A text as SQL writes it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** The expression that gives a column as a number, text or boolean; times as epoch ms. */
export function columnExpression(column: ParquetColumn, present: boolean): string {
  if (!present) return `NULL AS "${column}"`
  if (TIMES.includes(column)) return `epoch_ms("${column}")::DOUBLE AS "${column}"`
  if (TEXTS.includes(column)) return `"${column}"::VARCHAR AS "${column}"`
  return `${FLAGS.includes(column) ? `"${column}"::BOOLEAN` : `"${column}"::DOUBLE`} AS "${column}"`
}

/** Values of a row group's rows, one array a column, in PARQUET_COLUMNS' order. */
export type ParquetValues = readonly (readonly unknown[])[]
const PLACE = Object.fromEntries(PARQUET_COLUMNS.map((column, place) => [column, place])) as Record<
  ParquetColumn,
  number
>

export function valueAt(values: ParquetValues, column: ParquetColumn, row: number): unknown {
  return values[PLACE[column]]![row]
}

function numberAt(values: ParquetValues, column: ParquetColumn, row: number): number | null {
  const value = valueAt(values, column, row)
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** One row as a station's state, or why it is none. Absent flags are true, an absent split is 0 and 0. */
export function stateOfRow(values: ParquetValues, row: number): StationState | Refusal {
  const flag = (column: ParquetColumn): boolean => valueAt(values, column, row) !== false
  const station_id = String(valueAt(values, 'station_id', row) ?? '')
  const refuse = (reason: Refusal['reason'], message: string): Refusal => ({
    reason,
    station_id: station_id || null,
    message,
    raw: { ts_utc: valueAt(values, 'ts_utc', row), station_id, bikes: valueAt(values, 'bikes', row) },
  })
  if (station_id === '') return refuse('station_id_missing', 'station_id is missing, got null')
  const bikes = numberAt(values, 'bikes', row)
  if (bikes === null) return refuse('count_missing', 'bikes is missing, got null')
  const is_renting = flag('is_renting')
  const is_returning = flag('is_returning')
  const state: StationState = {
    station_id,
    bikes,
    docks: numberAt(values, 'docks', row),
    mechanical: numberAt(values, 'mechanical', row) ?? 0,
    ebike: numberAt(values, 'ebike', row) ?? 0,
    bikes_disabled: numberAt(values, 'bikes_disabled', row),
    docks_disabled: numberAt(values, 'docks_disabled', row),
    is_installed: flag('is_installed'),
    is_renting,
    is_returning,
    status: String(valueAt(values, 'status', row) ?? '') || (is_renting && is_returning ? 'OK' : 'CLOSED'),
    last_reported: numberAt(values, 'last_reported', row),
  }
  for (const column of [
    'bikes',
    'docks',
    'mechanical',
    'ebike',
    'bikes_disabled',
    'docks_disabled',
  ] as const) {
    const count = state[column]
    if (count === null) continue
    if (count < 0) return refuse('count_negative', `${column} must not be negative, got ${count}`)
    if (!Number.isInteger(count)) return refuse('count_not_whole', `${column} must be whole, got ${count}`)
  }
  return state
}

/** Docks as the row says them; undefined when it says nothing. */
export function capacityOfRow(values: ParquetValues, row: number): number | undefined {
  const capacity = numberAt(values, 'capacity', row)
  return capacity !== null && Number.isInteger(capacity) && capacity >= 0 ? capacity : undefined
}

/** Weather of a poll's rows (the first that has any) for the hour of `ts`; null when none has. */
export function weatherOfRows({
  values,
  first,
  end,
  ts,
  windUnit,
}: {
  values: ParquetValues
  first: number
  end: number
  ts: number
  windUnit: 'ms' | 'kmh'
}): WeatherHour | null {
  for (let row = first; row < end; row++) {
    const temp_C = numberAt(values, 'temp_C', row)
    const precip_mm = numberAt(values, 'precip_mm', row)
    const wind = numberAt(values, 'wind_mps', row)
    if (temp_C === null && precip_mm === null && wind === null) continue
    const wind_mps = wind === null || windUnit === 'ms' ? wind : wind / 3.6
    return { hour_utc: floorHour(ts), temp_C, precip_mm, wind_mps }
  }
  return null
}

/** A description with the docks that the rows say. */
export function withCapacity(
  known: StationDescription | undefined,
  station_id: string,
  capacity: number | undefined,
): StationDescription {
  const description = known ?? {
    station_id,
    name: null,
    lat: null,
    lon: null,
    capacity: null,
    region_id: null,
  }
  if (capacity === undefined || capacity === description.capacity) return description
  return { ...description, capacity }
}
