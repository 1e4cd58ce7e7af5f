import { changeBetween, type LabelEnd, NO_LABEL } from './labels.ts'
import type { ServedForecast } from './served-forecast.ts'

/** What a station showed at the target bin. */
export interface TargetEnd extends LabelEnd {
  docks: number | null
}

/** What scores read of a served forecast. */
export const SCORED_FIELDS = [
  'horizon_min',
  'target_utc',
  'predicted_utc',
  'stale',
  'bikes',
  'bikes_mean',
  'bikes_median',
  'bikes_q10',
  'bikes_q90',
  'p_bike',
  'p_dock',
  'model_version',
] as const satisfies readonly (keyof ServedForecast)[]
export type ForecastToScore = Pick<ServedForecast, (typeof SCORED_FIELDS)[number]>

/** A served forecast and what came true: `bikes` and `docks` are those at exactly T + h. */
export interface ScoredForecast {
  forecast: ForecastToScore
  bikes: number
  docks: number | null
}

/**
 * Joins a served forecast with what came true. Null when nothing can be said: the station was out of service at an end,
 * or its bikes are not known at exactly T + h. Persistence is what the forecast itself knew of T.
 */
export function scoreForecast({
  forecast,
  inServiceAtSource,
  target,
}: {
  forecast: ForecastToScore
  /** Whether the final row of bin T is in service; false when there is none. */
  inServiceAtSource: boolean
  target: TargetEnd | null
}): ScoredForecast | null {
  if (target === null) return null
  const from = { bikes: forecast.bikes, inService: inServiceAtSource }
  const change = changeBetween({ from, to: target })
  return change === NO_LABEL ? null : { forecast, bikes: forecast.bikes + change, docks: target.docks }
}
