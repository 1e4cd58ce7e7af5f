import { forecastPartsDayPrefix } from '../../platform/object-store/layout.ts'
import type { ObjectStore } from '../../platform/object-store/port.ts'
import { openDuckDb, readParquetSql } from '../../platform/parquet/duckdb.ts'
import { forecastsOfRecordSql } from '../../platform/parquet/served-forecasts-sql.ts'

/** What the model of one horizon was given for a sampled station, as its forecast of record says. */
export interface LoggedInput {
  tbin_utc: number
  station_id: string
  horizon_min: number
  poll_id: string
  predicted_utc: number
  model_version: string
  features_hash: string
  /** Single precision, NaN where unknown. */
  values: number[]
}

/** Logged inputs of a UTC day's forecasts of record, by bin in order. Holds the sample of one day. */
export async function loggedInputs({
  objects,
  system,
  day,
}: {
  objects: ObjectStore
  system: string
  day: string
}): Promise<Map<number, LoggedInput[]>> {
  const parts = await objects.list(forecastPartsDayPrefix(system, day))
  if (parts.length === 0) return new Map()
  const database = await openDuckDb()
  try {
    const files: string[] = []
    for (const [place, { path }] of parts.entries()) {
      const file = `${database.directory}/forecasts-${String(place).padStart(6, '0')}.parquet`
      await objects.download(path, file)
      files.push(file)
    }
    const rows = await database.rows(`SELECT epoch_ms(tbin_utc) AS tbin_utc, station_id, horizon_min, poll_id,
        epoch_ms(predicted_utc) AS predicted_utc, model_version, features_hash, inputs
      FROM ${forecastsOfRecordSql(readParquetSql(files))} WHERE inputs IS NOT NULL
      ORDER BY tbin_utc, station_id, horizon_min`)
    const logged = rows.map(
      ({ inputs, ...row }) => ({ ...row, values: readValues(String(inputs)) }) as unknown as LoggedInput,
    )
    return Map.groupBy(logged, ({ tbin_utc }) => tbin_utc)
  } finally {
    await database.close()
  }
}

function readValues(text: string): number[] {
  return (JSON.parse(text) as (number | null)[]).map((value) => value ?? Number.NaN)
}
