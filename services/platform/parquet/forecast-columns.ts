import { createHash } from 'node:crypto'
import type { ServedForecast } from '../../domain/forecasting/served-forecast.ts'
import { type Column, type ColumnType, PARQUET_SCHEMA_VERSION } from './columns.ts'
import { encodeParquet } from './encode.ts'

function column(
  name: keyof ServedForecast,
  type: ColumnType,
  nullable = false,
): Column<keyof ServedForecast> {
  return { name, type, nullable }
}

/** Columns of forecasts of record, in file order: one row a station and horizon. */
export const FORECAST_COLUMNS: readonly Column<keyof ServedForecast>[] = [
  column('tbin_utc', 'timestamp'),
  column('station_id', 'string'),
  column('horizon_min', 'int32'),
  column('target_utc', 'timestamp'),
  column('predicted_utc', 'timestamp'),
  column('poll_id', 'string'),
  column('ts_utc', 'timestamp'),
  column('stale', 'boolean'),
  column('bikes', 'int32'),
  column('docks', 'int32', true),
  column('capacity', 'int32', true),
  column('bikes_mean', 'float'),
  column('bikes_median', 'int32'),
  column('docks_mean', 'float', true),
  column('docks_median', 'int32', true),
  column('bikes_q10', 'float', true),
  column('bikes_q50', 'float', true),
  column('bikes_q90', 'float', true),
  column('p_bike', 'float', true),
  column('p_dock', 'float', true),
  column('model_version', 'string'),
  column('feature_set', 'string', true),
  column('features_hash', 'string', true),
  column('inputs', 'string', true),
]

/** A part of forecasts of record: rows of one system and bin, in the file's order (by station, then horizon). */
export function encodeForecasts({
  rows,
  partition,
}: {
  rows: readonly ServedForecast[]
  partition: number
}): Uint8Array {
  return encodeParquet({
    columns: FORECAST_COLUMNS,
    rows: rows.length,
    cell: (name, row) => rows[row]![name],
    metadata: {
      schema_version: PARQUET_SCHEMA_VERSION,
      rows: String(rows.length),
      partition: String(partition),
    },
  })
}

/** First 12 hex digits of the SHA-256 of the rows' values in column order: the same rows have the same name. */
export function forecastsContentName(rows: readonly ServedForecast[]): string {
  const hash = createHash('sha256')
  for (const row of rows) hash.update(`${JSON.stringify(FORECAST_COLUMNS.map(({ name }) => row[name]))}\n`)
  return hash.digest('hex').slice(0, 12)
}
