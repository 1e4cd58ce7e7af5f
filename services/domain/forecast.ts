/**
 * One horizon of one station's forecast. Bikes are bikes; probabilities are 0..1.
 * Quantiles and probabilities are null until a calibrated model gives them: never guessed.
 */
export interface HorizonForecast {
  horizon_min: number
  /** Epoch ms: the bin used plus the horizon. */
  target_utc: number
  bikes_mean: number
  bikes_median: number
  docks_mean: number | null
  docks_median: number | null
  bikes_q10: number | null
  bikes_q50: number | null
  bikes_q90: number | null
  p_bike: number | null
  p_dock: number | null
  model_version: string
}

/** One station's forecast for one poll. Record `Forecast`, key system/station. */
export interface Forecast {
  system: string
  station_id: string
  poll_id: string
  /** The bin T that was used, epoch ms; nothing after it was read. */
  tbin_utc: number
  ts_utc: number
  /** Fetch time of the poll that gave the forecast: the prediction time, so that a replay gives the same. */
  predicted_utc: number
  /** From this time on a reader must not use the forecast. */
  valid_until: number
  stale: boolean
  bikes: number
  docks: number | null
  capacity: number | null
  horizons: HorizonForecast[]
}
