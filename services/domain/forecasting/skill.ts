import {
  emptySums,
  mergeSums,
  type PerformanceState,
  type PerformanceSums,
  type ProbabilityScore,
  readPerformanceKey,
} from '../aggregates/performance.ts'

/** How served forecasts fared. Bikes, or shares 0..1; null where nothing was scored. */
export interface Skill {
  n: number
  mae_model: number | null
  rmse_model: number | null
  me_model: number | null
  mae_persistence: number | null
  rmse_persistence: number | null
  me_persistence: number | null
  /** (MAE of persistence − MAE of the model) / MAE of persistence; null when persistence made no error. */
  lift: number | null
  /** (RMSE of the model − RMSE of persistence) / RMSE of persistence: below 0 is better. */
  rmse_cut: number | null
  coverage_80: number | null
  width_80: number | null
  interval_score_80: number | null
  brier_bike: number | null
  ece_bike: number | null
  brier_dock: number | null
  ece_dock: number | null
  /** Minutes from prediction to target, mean. */
  lead_min: number | null
  stale_share: number | null
}

const MILLI = 1_000
const MILLIONTH = 1_000_000

/** MAE is of the rounded median, which people see; RMSE and the mean error are of the mean, unrounded. */
export function skillOf(sums: PerformanceSums): Skill {
  const { n, banded } = sums
  const per = (sum: number, rows: number, unit = 1): number | null => (rows === 0 ? null : sum / rows / unit)
  const root = (square: number | null): number | null => (square === null ? null : Math.sqrt(square))
  const maeModel = per(sums.absoluteMedian, n)
  const maePersistence = per(sums.absolutePersistence, n)
  const rmseModel = root(per(sums.squaredMean, n, MILLIONTH))
  const rmsePersistence = root(per(sums.squaredPersistence, n))
  return {
    n,
    mae_model: maeModel,
    rmse_model: rmseModel,
    me_model: per(sums.biasMean, n, MILLI),
    mae_persistence: maePersistence,
    rmse_persistence: rmsePersistence,
    me_persistence: per(sums.biasPersistence, n),
    lift: maePersistence ? (maePersistence - maeModel!) / maePersistence : null,
    rmse_cut: rmsePersistence ? (rmseModel! - rmsePersistence) / rmsePersistence : null,
    coverage_80: per(sums.held, banded),
    width_80: per(sums.width, banded, MILLI),
    interval_score_80: per(sums.interval, banded, MILLI),
    brier_bike: per(sums.bike.brier, sums.bike.n, MILLIONTH),
    ece_bike: expectedCalibrationError(sums.bike),
    brier_dock: per(sums.dock.brier, sums.dock.n, MILLIONTH),
    ece_dock: expectedCalibrationError(sums.dock),
    lead_min: per(sums.lead, n, 60),
    stale_share: per(sums.stale, n),
  }
}

/** Mean distance between probability and frequency over the tenths, weighted by their forecasts. */
function expectedCalibrationError({ n, reliability }: ProbabilityScore): number | null {
  if (n === 0) return null
  const sum = reliability.reduce((all, [, p, hits]) => all + Math.abs(p / MILLIONTH - hits), 0)
  return sum / n
}

/** Horizon in minutes → sums over all model versions, ascending. */
export function sumsByHorizon(state: PerformanceState): Map<number, PerformanceSums> {
  const found = new Map<number, PerformanceSums>()
  for (const [key, sums] of state) {
    const { horizon_min } = readPerformanceKey(key)
    found.set(horizon_min, mergeSums(found.get(horizon_min) ?? emptySums(), sums))
  }
  return new Map([...found].sort(([a], [b]) => a - b))
}
