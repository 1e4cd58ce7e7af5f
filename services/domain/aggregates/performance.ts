import type { ScoredForecast } from '../forecasting/score.ts'
import type { Aggregate } from './aggregate.ts'

/** Equal shares of [0, 1] in which a probability is compared with how often it came true. */
export const RELIABILITY_BINS = 10
const MILLI = 1_000
const MILLIONTH = 1_000_000
/** A band that holds 80 %: each side that misses costs 2 / 0.2 times the distance. */
const MISS_FACTOR = 10

/** How a probability fared. Sums are of millionths. */
export interface ProbabilityScore {
  n: number
  /** Squared difference of probability and outcome. */
  brier: number
  /** By tenth of the probability: forecasts, their summed probability, how many came true. */
  reliability: [n: number, probability: number, hits: number][]
}

/**
 * Sums over scored forecasts of one horizon and model version. Errors of the median and of persistence are whole bikes;
 * errors of the mean and widths are thousandths of a bike, squares of the mean's errors millionths: whole numbers, so
 * that any order gives the same. Exact while a sum is below 2^53: 5 × 10^8 forecasts that are 4 bikes off.
 */
export interface PerformanceSums {
  n: number
  absoluteMedian: number
  squaredMedian: number
  absoluteMean: number
  squaredMean: number
  /** Outcome less mean. */
  biasMean: number
  absolutePersistence: number
  squaredPersistence: number
  biasPersistence: number
  /** Forecasts with a band from q10 to q90; how often it held the outcome; summed width and interval score. */
  banded: number
  held: number
  width: number
  interval: number
  bike: ProbabilityScore
  dock: ProbabilityScore
  /** Seconds from prediction to target. */
  lead: number
  /** Forecasts made from data that was stale when it was fetched. */
  stale: number
}

/** `<horizon in minutes> <model version>` → sums. */
export type PerformanceState = Map<string, PerformanceSums>

function performanceKey({ horizon_min, model_version }: ScoredForecast['forecast']): string {
  return `${horizon_min} ${model_version}`
}

/** Horizon and model version of a key. */
export function readPerformanceKey(key: string): { horizon_min: number; model_version: string } {
  const space = key.indexOf(' ')
  return { horizon_min: Number(key.slice(0, space)), model_version: key.slice(space + 1) }
}

export function emptySums(): PerformanceSums {
  const probability = (): ProbabilityScore => ({
    n: 0,
    brier: 0,
    reliability: Array.from({ length: RELIABILITY_BINS }, () => [0, 0, 0]),
  })
  return {
    n: 0,
    absoluteMedian: 0,
    squaredMedian: 0,
    absoluteMean: 0,
    squaredMean: 0,
    biasMean: 0,
    absolutePersistence: 0,
    squaredPersistence: 0,
    biasPersistence: 0,
    banded: 0,
    held: 0,
    width: 0,
    interval: 0,
    bike: probability(),
    dock: probability(),
    lead: 0,
    stale: 0,
  }
}

export function mergeSums(a: PerformanceSums, b: PerformanceSums): PerformanceSums {
  const merged = emptySums()
  for (const name of COUNTS) merged[name] = a[name] + b[name]
  for (const name of PROBABILITIES) {
    merged[name] = {
      n: a[name].n + b[name].n,
      brier: a[name].brier + b[name].brier,
      reliability: a[name].reliability.map((cell, place) => {
        const other = b[name].reliability[place]!
        return [cell[0] + other[0], cell[1] + other[1], cell[2] + other[2]]
      }),
    }
  }
  return merged
}

const PROBABILITIES = ['bike', 'dock'] as const
const COUNTS = [
  'n',
  'absoluteMedian',
  'squaredMedian',
  'absoluteMean',
  'squaredMean',
  'biasMean',
  'absolutePersistence',
  'squaredPersistence',
  'biasPersistence',
  'banded',
  'held',
  'width',
  'interval',
  'lead',
  'stale',
] as const satisfies readonly (keyof PerformanceSums)[]

/** How served forecasts fared against what came true, by horizon and model version. */
export const performance: Aggregate<PerformanceState, ScoredForecast> = {
  kind: 'performance',
  version: 1,
  empty: () => new Map(),
  add(state, scored) {
    const key = performanceKey(scored.forecast)
    let sums = state.get(key)
    if (sums === undefined) {
      sums = emptySums()
      state.set(key, sums)
    }
    addScored(sums, scored)
  },
  merge(a, b) {
    const merged: PerformanceState = new Map(a)
    for (const [key, sums] of b) merged.set(key, mergeSums(merged.get(key) ?? emptySums(), sums))
    return merged
  },
  encode: (state) =>
    Object.fromEntries(
      [...state]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, sums]) => [key, { ...sums, bike: { ...sums.bike }, dock: { ...sums.dock } }]),
    ),
  decode: (json) => new Map(Object.entries(json as unknown as Record<string, PerformanceSums>)),
}

function addScored(sums: PerformanceSums, { forecast, bikes, docks }: ScoredForecast): void {
  const median = Math.abs(bikes - forecast.bikes_median)
  const mean = Math.round((bikes - forecast.bikes_mean) * MILLI)
  const persistence = bikes - forecast.bikes
  sums.n += 1
  sums.absoluteMedian += median
  sums.squaredMedian += median * median
  sums.absoluteMean += Math.abs(mean)
  sums.squaredMean += mean * mean
  sums.biasMean += mean
  sums.absolutePersistence += Math.abs(persistence)
  sums.squaredPersistence += persistence * persistence
  sums.biasPersistence += persistence
  sums.lead += Math.round((forecast.target_utc - forecast.predicted_utc) / 1000)
  if (forecast.stale) sums.stale += 1
  const { bikes_q10: low, bikes_q90: high } = forecast
  if (low !== null && high !== null) {
    const miss = Math.max(low - bikes, bikes - high, 0)
    sums.banded += 1
    if (miss === 0) sums.held += 1
    sums.width += Math.round((high - low) * MILLI)
    sums.interval += Math.round((high - low + MISS_FACTOR * miss) * MILLI)
  }
  addProbability(sums.bike, forecast.p_bike, bikes > 0)
  if (docks !== null) addProbability(sums.dock, forecast.p_dock, docks > 0)
}

function addProbability(score: ProbabilityScore, probability: number | null, outcome: boolean): void {
  if (probability === null) return
  const hit = outcome ? 1 : 0
  score.n += 1
  score.brier += Math.round((probability - hit) ** 2 * MILLIONTH)
  const cell = score.reliability[Math.min(RELIABILITY_BINS - 1, Math.floor(probability * RELIABILITY_BINS))]!
  cell[0] += 1
  cell[1] += Math.round(probability * MILLIONTH)
  cell[2] += hit
}
