import type { CalibratedRow } from './forecasting/calibration.ts'
import type { Slot } from './slot.ts'

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
  /** From this time on a reader must not use the forecast: see `validUntil`. */
  valid_until: number
  stale: boolean
  bikes: number
  docks: number | null
  capacity: number | null
  horizons: HorizonForecast[]
  /** What the models were given, for a sample of the stations; null or absent for the others and in look-ups. */
  inputs?: ForecastInputs[] | null
}

/** The exact input of one horizon's model: what a later recomputation must give again. */
export interface ForecastInputs {
  horizon_min: number
  model_version: string
  feature_set: string
  /** Of the names, whose order is the values'; the pack's manifest has them. */
  features_hash: string
  /** Single precision, NaN where unknown. */
  values: number[]
}

/** What a model gives for one station; absent or NaN where the model has no such output or could not say. */
export interface ModelOutput {
  bikes_mean: number
  docks_mean?: number
  bikes_q10?: number
  bikes_q50?: number
  bikes_q90?: number
  p_bike?: number
  p_dock?: number
}
export const MODEL_OUTPUTS = [
  'bikes_mean',
  'docks_mean',
  'bikes_q10',
  'bikes_q50',
  'bikes_q90',
  'p_bike',
  'p_dock',
] as const satisfies readonly (keyof ModelOutput)[]

/** How far a forecast may be used, by the age of its data at the fetch of its poll. */
const FRESHNESS = ['fresh', 'stale', 'withheld'] as const
export type Freshness = (typeof FRESHNESS)[number]

const MINUTE_MS = 60_000

/**
 * `stale` when the data is older than `stale_minutes` at the poll's fetch, `withheld` (no forecast is made) when it is
 * older than `withhold_minutes`. Both times are of the data, so a replay judges as the live run did.
 */
export function judgeFreshness(options: {
  ts_utc: number
  fetched_utc: number
  stale_minutes: number
  withhold_minutes: number
}): Freshness {
  const age = options.fetched_utc - options.ts_utc
  if (age > options.withhold_minutes * MINUTE_MS) return 'withheld'
  return age > options.stale_minutes * MINUTE_MS ? 'stale' : 'fresh'
}

/**
 * The time at which the data under a forecast becomes too old to forecast from: readers apply the rule by which the
 * service withholds.
 */
export function validUntil({
  ts_utc,
  withhold_minutes,
}: {
  ts_utc: number
  withhold_minutes: number
}): number {
  return ts_utc + withhold_minutes * MINUTE_MS
}

/** Clips to [0, max(capacity, now)]: feeds hold more bikes than capacity. Without capacity there is no upper bound. */
export function clipCount({
  value,
  capacity,
  now,
}: {
  value: number
  capacity: number | null
  now: number
}): number {
  const lower = Math.max(value, 0)
  return capacity === null ? lower : Math.min(lower, Math.max(capacity, now))
}

/** Rounds a half to the even neighbour. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

/**
 * One horizon from a model's output: clipped, rounded, single precision. Null when the mean is not a finite number:
 * nothing is then said of that horizon. The median is q50 where the model has one, else the rounded mean.
 */
export function horizonForecast({
  horizon_min,
  slot,
  output,
  model_version,
}: {
  horizon_min: number
  /** Slot T, with known bikes. */
  slot: Slot & { bikes: number }
  output: ModelOutput
  model_version: string
}): HorizonForecast | null {
  if (!Number.isFinite(output.bikes_mean)) return null
  const bikes = (value: number): number =>
    Math.fround(clipCount({ value, capacity: slot.capacity, now: slot.bikes }))
  const docks = (value: number): number =>
    Math.fround(clipCount({ value, capacity: slot.capacity, now: slot.docks ?? 0 }))
  const mean = bikes(output.bikes_mean)
  const median = known(output.bikes_q50, bikes)
  const docksMean = known(output.docks_mean, docks)
  return {
    horizon_min,
    target_utc: slot.tbin_utc + horizon_min * MINUTE_MS,
    bikes_mean: mean,
    bikes_median: roundHalfEven(median ?? mean),
    docks_mean: docksMean,
    docks_median: docksMean === null ? null : roundHalfEven(docksMean),
    bikes_q10: known(output.bikes_q10, bikes),
    bikes_q50: median,
    bikes_q90: known(output.bikes_q90, bikes),
    p_bike: known(output.p_bike, share),
    p_dock: known(output.p_dock, share),
    model_version,
  }
}

/** A trained model's horizon: its calibrated row, in single precision. Null as above. Docks follow from the change in bikes. */
export function trainedForecast({
  horizon_min,
  slot,
  row,
  capacity,
  model_version,
}: {
  horizon_min: number
  slot: Pick<Slot, 'tbin_utc' | 'docks'> & { bikes: number }
  row: CalibratedRow
  /** As the model knows it: the feed's, else the station table's. */
  capacity: number | null
  model_version: string
}): HorizonForecast | null {
  if (!Number.isFinite(row.mean)) return null
  const bikes = (value: number): number => Math.fround(clipCount({ value, capacity, now: slot.bikes }))
  const docks = (value: number): number => Math.fround(clipCount({ value, capacity, now: slot.docks ?? 0 }))
  const median = bikes(row.median)
  const free = slot.docks
  return {
    horizon_min,
    target_utc: slot.tbin_utc + horizon_min * MINUTE_MS,
    bikes_mean: bikes(row.mean),
    bikes_median: roundHalfEven(median),
    docks_mean: free === null ? null : docks(free - (row.mean - slot.bikes)),
    docks_median: free === null ? null : roundHalfEven(docks(free - (row.median - slot.bikes))),
    bikes_q10: bikes(row.q10),
    bikes_q50: median,
    bikes_q90: bikes(row.q90),
    p_bike: share(row.pBike),
    p_dock: known(row.pDock, share),
    model_version,
  }
}

function known(value: number | undefined, bound: (value: number) => number): number | null {
  return value === undefined || !Number.isFinite(value) ? null : bound(value)
}

function share(value: number): number {
  return Math.fround(Math.min(Math.max(value, 0), 1))
}
