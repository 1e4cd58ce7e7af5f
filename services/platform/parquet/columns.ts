import type { Observation } from '../../domain/observation.ts'
import type { PollRecord } from '../../domain/poll.ts'

/** Version of the row layout, written into every file's metadata. A new column at the end keeps it; a break raises it. */
export const PARQUET_SCHEMA_VERSION = '1'

/** Timestamps are milliseconds without a time zone: UTC, as every reader of the file must know. */
export type ColumnType = 'timestamp' | 'string' | 'int32' | 'double' | 'float' | 'boolean'

export interface Column<Name extends string = string> {
  name: Name
  type: ColumnType
  nullable: boolean
}

function column<Name extends string>(name: Name, type: ColumnType, nullable = false): Column<Name> {
  return { name, type, nullable }
}

/** A row of bronze, daily and monthly files: an observation's facts and its bin. */
export type ObservationColumn =
  | Exclude<keyof Observation, 'system' | 'poll_index' | 'poll_count'>
  | 'tbin_utc'

/** Columns of bronze, daily and monthly files, in file order. */
export const OBSERVATION_COLUMNS: readonly Column<ObservationColumn>[] = [
  column('ts_utc', 'timestamp'),
  column('tbin_utc', 'timestamp'),
  column('station_id', 'string'),
  column('bikes', 'int32', true),
  column('capacity', 'int32', true),
  column('mechanical', 'int32'),
  column('ebike', 'int32'),
  column('status', 'string'),
  column('lat', 'double', true),
  column('lon', 'double', true),
  column('name', 'string', true),
  column('temp_C', 'float', true),
  column('precip_mm', 'float', true),
  column('wind_mps', 'float', true),
  column('docks', 'int32', true),
  column('bikes_disabled', 'int32', true),
  column('docks_disabled', 'int32', true),
  column('last_reported', 'timestamp', true),
  column('published_utc', 'timestamp', true),
  column('fetched_utc', 'timestamp'),
  column('is_installed', 'boolean'),
  column('is_renting', 'boolean'),
  column('is_returning', 'boolean'),
  column('poll_id', 'string'),
  column('weather_hour', 'timestamp', true),
  column('weather_issued', 'timestamp', true),
]

/** Columns of poll files, in file order: the poll record, `refused` as JSON text with sorted keys. */
export const POLL_COLUMNS: readonly Column<keyof PollRecord>[] = [
  column('system', 'string'),
  column('poll_id', 'string'),
  column('outcome', 'string'),
  column('reason', 'string', true),
  column('rows', 'int32'),
  column('refused', 'string'),
  column('ts_utc', 'timestamp', true),
  column('ts_source', 'string'),
  column('published_utc', 'timestamp', true),
  column('fetched_utc', 'timestamp'),
  column('duration_ms', 'double', true),
  column('source', 'string'),
  column('ttl_s', 'int32', true),
  column('gbfs_version', 'string', true),
]
