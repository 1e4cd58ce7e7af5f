import type { ServedForecast } from '../../domain/forecasting/served-forecast.ts'
import type { Column, ColumnType } from './columns.ts'

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
