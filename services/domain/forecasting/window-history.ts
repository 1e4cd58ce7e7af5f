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

/** Places of the lags in CHANGE_LAGS, and of the lag that a mean begins with in MEAN_BINS; -1 for the others. */
const CHANGE_AT = Int8Array.from({ length: WINDOW_LAGS + 1 }, (_, lag) =>
  (CHANGE_LAGS as readonly number[]).indexOf(lag),
)
const MEAN_FROM = Int8Array.from({ length: WINDOW_LAGS + 1 }, (_, lag) =>
  (MEAN_BINS as readonly number[]).indexOf(lag + 1),
)
/** Place of each spread's mean. */
const SPREAD_MEAN = SPREAD_BINS.map((bins) => MEAN_BINS.indexOf(bins))

/**
 * Passes once over the window of each station, oldest bin first. Reads no bin outside of T−48..T, nor an observation
 * carried from before. Whole sums are exact; squares are summed in single precision.
 */
export function readHistory({ grid, row }: { grid: StationGrid; row: number }): WindowHistory {
  const { stations, bikes: counts, age } = grid
  const array = (): Float32Array => new Float32Array(stations)
  const history: WindowHistory = {
    bikes: array(),
    changes: CHANGE_LAGS.map(array),
    means: MEAN_BINS.map(array),
    spreads: SPREAD_BINS.map(array),
    trend: array(),
    arrivals: FLOW_BINS.map(array),
    departures: FLOW_BINS.map(array),
    moves: array(),
    minutesSinceChange: array(),
    lastChange: array(),
  }
  const { changes, means, spreads, arrivals, departures } = history
  const lagged = new Float32Array(CHANGE_LAGS.length)
  const sumBefore = new Float64Array(MEAN_BINS.length)
  const numberBefore = new Float64Array(MEAN_BINS.length)
  const squares = new Float32Array(SPREAD_BINS.length)
  const rises = new Float64Array(FLOW_BINS.length)
  const falls = new Float64Array(FLOW_BINS.length)
  const oldestLag = Math.min(WINDOW_LAGS, row)
  for (let station = 0; station < stations; station += 1) {
    lagged.fill(Number.NaN)
    sumBefore.fill(0)
    numberBefore.fill(0)
    squares.fill(0)
    rises.fill(0)
    falls.fill(0)
    let sum = 0
    let number = 0
    let x = 0
    let y = 0
    let xx = 0
    let xy = 0
    let n = 0
    let moves = 0
    let minutes = NEVER_MINUTES
    let last = 0
    let before = -1
    let now = Number.NaN
    for (let lag = oldestLag; lag >= 0; lag -= 1) {
      const starts = MEAN_FROM[lag]!
      if (starts >= 0) {
        sumBefore[starts] = sum
        numberBefore[starts] = number
      }
      const cell = (row - lag) * stations + station
      // An observation from before T−48 is not in the window, even when it was carried into it. NO_AGE is above every limit.
      if (age[cell]! > (WINDOW_LAGS + 1 - lag) * 300) continue
      const value = counts[cell]!
      if (value < 0) continue
      const previous = before
      before = value
      if (lag === 0) now = value
      sum += value
      number += 1
      const changed = CHANGE_AT[lag]!
      if (changed >= 0) lagged[changed] = value
      for (let place = SPREAD_BINS.length - 1; place >= 0 && lag < SPREAD_BINS[place]!; place -= 1) {
        squares[place]! += value * value
      }
      if (lag < TREND_BINS) {
        n += 1
        x -= lag
        xx += lag * lag
        y += value
        xy -= lag * value
      }
      if (previous < 0 || previous === value) continue
      const step = value - previous
      minutes = lag * 5
      last = step
      moves += Math.abs(step)
      for (let place = FLOW_BINS.length - 1; place >= 0 && lag < FLOW_BINS[place]!; place -= 1) {
        if (step > 0) rises[place]! += step
        else falls[place]! -= step
      }
    }
    const known = !Number.isNaN(now)
    history.bikes[station] = now
    for (let place = 0; place < CHANGE_LAGS.length; place += 1) {
      changes[place]![station] = now - lagged[place]!
    }
    for (let place = 0; place < MEAN_BINS.length; place += 1) {
      means[place]![station] = (sum - sumBefore[place]!) / (number - numberBefore[place]!)
    }
    for (let place = 0; place < SPREAD_BINS.length; place += 1) {
      const mean = SPREAD_MEAN[place]!
      const count = number - numberBefore[mean]!
      const middle = (sum - sumBefore[mean]!) / count
      spreads[place]![station] = Math.sqrt(Math.max(0, squares[place]! / count - middle * middle))
    }
    const spread = n * xx - x * x
    history.trend[station] = spread > 0 ? (n * xy - x * y) / spread : Number.NaN
    for (let place = 0; place < FLOW_BINS.length; place += 1) {
      arrivals[place]![station] = known ? rises[place]! : Number.NaN
      departures[place]![station] = known ? falls[place]! : Number.NaN
    }
    history.moves[station] = known ? moves : Number.NaN
    history.minutesSinceChange[station] = known ? minutes : Number.NaN
    history.lastChange[station] = known ? last : Number.NaN
  }
  return history
}
