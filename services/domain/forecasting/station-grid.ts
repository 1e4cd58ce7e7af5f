import { BIN_MS } from '../bin.ts'

/** Age of a cell without an observation. */
export const NO_AGE = 65_535
/** Count that is not known. */
export const NO_COUNT = -1

/**
 * Stations × 5-minute bins, bin after bin: cell = bin * stations + station. A training base, a backtest's recording and
 * the 49-bin window of a forecast are all grids, so one function reads them. 13 bytes a cell: 1,500 stations over 90 days
 * are 39 million cells, 505 MB.
 */
export interface StationGrid {
  /** First bin, epoch ms. */
  start: number
  bins: number
  stations: number
  /** Counts, NO_COUNT where unknown. */
  bikes: Int16Array
  docks: Int16Array
  mechanical: Int16Array
  ebike: Int16Array
  capacity: Int16Array
  /** 1 where the observation says in service. */
  service: Uint8Array
  /** Seconds from the observation to the end of its bin, 1..300, plus 300 for each bin it was carried; NO_AGE without. */
  age: Uint16Array
  /** The network's weather, one value a bin, NaN where unknown; null where there is none at all. */
  weather: GridWeather | null
}

export interface GridWeather {
  temp_C: Float32Array
  precip_mm: Float32Array
  wind_mps: Float32Array
}

export function emptyGrid(size: { start: number; bins: number; stations: number }): StationGrid {
  const cells = size.bins * size.stations
  const counts = (): Int16Array => new Int16Array(cells).fill(NO_COUNT)
  return {
    ...size,
    bikes: counts(),
    docks: counts(),
    mechanical: counts(),
    ebike: counts(),
    capacity: counts(),
    service: new Uint8Array(cells),
    age: new Uint16Array(cells).fill(NO_AGE),
    weather: null,
  }
}

export function emptyWeather(bins: number): GridWeather {
  const unknown = (): Float32Array => new Float32Array(bins).fill(Number.NaN)
  return { temp_C: unknown(), precip_mm: unknown(), wind_mps: unknown() }
}

export function binAt(grid: StationGrid, row: number): number {
  return grid.start + row * BIN_MS
}

export function rowAt(grid: StationGrid, utc: number): number {
  return Math.floor((utc - grid.start) / BIN_MS)
}

/** The columns of a grid in another order of stations (`from` → `to`, by id); stations that it lacks are empty. A copy. */
export function gridInOrder(
  grid: StationGrid,
  { from, to }: { from: readonly string[]; to: readonly string[] },
): StationGrid {
  const placeOf = new Map(from.map((id, place) => [id, place]))
  const places = to.map((id) => placeOf.get(id) ?? -1)
  const ordered = emptyGrid({ start: grid.start, bins: grid.bins, stations: to.length })
  for (const name of ['bikes', 'docks', 'mechanical', 'ebike', 'capacity', 'service', 'age'] as const) {
    for (let row = 0; row < grid.bins; row += 1) {
      for (const [place, source] of places.entries()) {
        if (source < 0) continue
        ordered[name][row * to.length + place] = grid[name][row * grid.stations + source]!
      }
    }
  }
  return { ...ordered, weather: grid.weather }
}

/**
 * Carries each observation into the empty bins after it while it is at most `minutes` old at that bin's end: a feed that
 * is polled every ten minutes has empty bins between. Changes the grid; do it once.
 */
export function carryForward(grid: StationGrid, minutes: number): void {
  const { stations, bins, age } = grid
  const oldest = minutes * 60
  for (let cell = stations; cell < bins * stations; cell += 1) {
    if (age[cell] !== NO_AGE) continue
    const before = age[cell - stations]!
    if (before === NO_AGE || before + 300 > oldest) continue
    age[cell] = before + 300
    for (const counts of [grid.bikes, grid.docks, grid.mechanical, grid.ebike, grid.capacity]) {
      counts[cell] = counts[cell - stations]!
    }
    grid.service[cell] = grid.service[cell - stations]!
  }
}
