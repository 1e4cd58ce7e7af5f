import type { StationGrid } from './station-grid.ts'

/** Bins of a window: T−48..T. */
const WINDOW_LAGS = 48
/** Lags of `bikes`, in bins of 5 minutes, exact in time. */
export const CHANGE_LAGS = [1, 2, 3, 6, 9, 12, 18, 24, 36, 48] as const
export const MEAN_BINS = [3, 6, 12, 24, 48] as const
export const SPREAD_BINS = [6, 12, 48] as const
export const FLOW_BINS = [3, 12] as const

/** What the 49 bins up to T say of each station; NaN where unknown. One value a station in each array. */
export interface WindowHistory {
  bikes: Float32Array
  /** bikes(T) − bikes(T − lag), for each of CHANGE_LAGS. */
  changes: Float32Array[]
  /** Mean of the known values in the last bins up to T, for each of MEAN_BINS. */
  means: Float32Array[]
  /** Standard deviation of the same, for each of SPREAD_BINS. */
  spreads: Float32Array[]
  /** Least-squares slope over the last 12 bins, bikes a bin. */
  trend: Float32Array
  /** Sums of the rises (falls) from one known bin to the next, for each of FLOW_BINS. */
  arrivals: Float32Array[]
  departures: Float32Array[]
  /** Rises and falls over the whole window. */
  moves: Float32Array
  /** From the newest bin with another value than the one after it to T; 245 when none is in the window. */
  minutesSinceChange: Float32Array
  /** That change, in bikes; 0 without one. */
  lastChange: Float32Array
}

const TREND_BINS = 12
const NEVER_MINUTES = 5 * (WINDOW_LAGS + 1)

/** Passes once over the window, oldest bin first. Reads no bin outside of T−48..T, nor an observation carried from before. */
export function readHistory({ grid, row }: { grid: StationGrid; row: number }): WindowHistory {
  const { stations, bikes: counts, age } = grid
  const array = (): Float32Array => new Float32Array(stations)
  const unknown = (): Float32Array => array().fill(Number.NaN)
  const now = unknown()
  const changes = CHANGE_LAGS.map(unknown)
  const means = MEAN_BINS.map(array)
  const numbers = MEAN_BINS.map(array)
  const squares = SPREAD_BINS.map(array)
  const arrivals = FLOW_BINS.map(array)
  const departures = FLOW_BINS.map(array)
  const moves = array()
  const minutesSinceChange = array().fill(NEVER_MINUTES)
  const lastChange = array()
  const trendX = array()
  const trendY = array()
  const trendXX = array()
  const trendXY = array()
  const trendN = array()
  const before = new Int16Array(stations).fill(-1)
  for (let lag = Math.min(WINDOW_LAGS, row); lag >= 0; lag -= 1) {
    const first = (row - lag) * stations
    // An observation from before T−48 is not in the window, even when it was carried into it. NO_AGE is above every limit.
    const oldest = (WINDOW_LAGS + 1 - lag) * 300
    const changed = CHANGE_LAGS.indexOf(lag as (typeof CHANGE_LAGS)[number])
    const lagged = changed < 0 ? null : changes[changed]!
    const inMean = MEAN_BINS.map((bins) => lag < bins)
    const inSpread = SPREAD_BINS.map((bins) => lag < bins)
    const inFlow = FLOW_BINS.map((bins) => lag < bins)
    const inTrend = lag < TREND_BINS
    for (let station = 0; station < stations; station += 1) {
      if (age[first + station]! > oldest) continue
      const value = counts[first + station]!
      if (value < 0) continue
      const previous = before[station]!
      before[station] = value
      if (lagged !== null) lagged[station] = value
      if (lag === 0) now[station] = value
      for (let place = 0; place < MEAN_BINS.length; place += 1) {
        if (!inMean[place]) continue
        means[place]![station]! += value
        numbers[place]![station]! += 1
      }
      for (let place = 0; place < SPREAD_BINS.length; place += 1) {
        if (inSpread[place]) squares[place]![station]! += value * value
      }
      if (inTrend) {
        trendN[station]! += 1
        trendX[station]! -= lag
        trendXX[station]! += lag * lag
        trendY[station]! += value
        trendXY[station]! -= lag * value
      }
      if (previous < 0 || previous === value) continue
      const step = value - previous
      minutesSinceChange[station] = lag * 5
      lastChange[station] = step
      moves[station]! += Math.abs(step)
      for (let place = 0; place < FLOW_BINS.length; place += 1) {
        if (!inFlow[place]) continue
        if (step > 0) arrivals[place]![station]! += step
        else departures[place]![station]! -= step
      }
    }
  }
  const trend = unknown()
  for (let station = 0; station < stations; station += 1) {
    const value = now[station]!
    for (const lagged of changes) lagged[station] = value - lagged[station]!
    SPREAD_BINS.forEach((bins, place) => {
      const mean = MEAN_BINS.indexOf(bins)
      const number = numbers[mean]![station]!
      const middle = means[mean]![station]! / number
      const spread = squares[place]!
      spread[station] = Math.sqrt(Math.max(0, spread[station]! / number - middle * middle))
    })
    const n = trendN[station]!
    const spread = n * trendXX[station]! - trendX[station]! ** 2
    if (spread > 0) trend[station] = (n * trendXY[station]! - trendX[station]! * trendY[station]!) / spread
    means.forEach((sums, place) => {
      sums[station]! /= numbers[place]![station]!
    })
    if (!Number.isNaN(value)) continue
    for (const values of [minutesSinceChange, lastChange, moves, ...arrivals, ...departures]) {
      values[station] = Number.NaN
    }
  }
  return {
    bikes: now,
    changes,
    means,
    spreads: squares,
    trend,
    arrivals,
    departures,
    moves,
    minutesSinceChange,
    lastChange,
  }
}
