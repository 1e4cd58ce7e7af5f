import type { Forecast, HorizonForecast } from '../forecast.ts'

/** One horizon of a station's forecast of record, as it was served. Times are epoch ms. */
export interface ServedForecast extends HorizonForecast {
  station_id: string
  /** The bin T that was used. */
  tbin_utc: number
  /** Event time of the observation that was used. */
  ts_utc: number
  poll_id: string
  /** Fetch time of the poll that gave it. */
  predicted_utc: number
  stale: boolean
  /** What was known of the station at T when the forecast was made. */
  bikes: number
  docks: number | null
  capacity: number | null
  /** The model's input, for a sample of the stations: null for the others. */
  feature_set: string | null
  features_hash: string | null
  /** JSON array in the order of the feature names, single precision, null for NaN. */
  inputs: string | null
}

/** A station's forecast, one horizon a row. */
export function servedForecasts(forecast: Forecast): ServedForecast[] {
  const { station_id, tbin_utc, ts_utc, poll_id, predicted_utc, stale, bikes, docks, capacity } = forecast
  const shared = { station_id, tbin_utc, ts_utc, poll_id, predicted_utc, stale, bikes, docks, capacity }
  return forecast.horizons.map((horizon) => {
    const given = forecast.inputs?.find(({ horizon_min }) => horizon_min === horizon.horizon_min)
    return {
      ...shared,
      ...horizon,
      feature_set: given?.feature_set ?? null,
      features_hash: given?.features_hash ?? null,
      inputs: given === undefined ? null : JSON.stringify(given.values, nanAsNull),
    }
  })
}

function nanAsNull(_key: string, value: unknown): unknown {
  return Number.isNaN(value) ? null : value
}

/** Names a poll's forecasts among those of one bin. */
export interface PollKey {
  predicted_utc: number
  poll_id: string
}

/**
 * Orders the polls of a bin: the last one's forecasts are the bin's forecasts of record. By fetch time, then by poll id,
 * never by the order of arrival.
 */
export function comparePolls(a: PollKey, b: PollKey): number {
  if (a.predicted_utc !== b.predicted_utc) return a.predicted_utc - b.predicted_utc
  if (a.poll_id === b.poll_id) return 0
  return a.poll_id < b.poll_id ? -1 : 1
}
