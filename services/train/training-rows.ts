import { BIN_MS } from '../domain/bin.ts'
import { localDayName } from '../domain/calendar.ts'
import { changeLabel, NO_LABEL } from '../domain/forecasting/labels.ts'
import { momentOf } from '../domain/forecasting/moment.ts'
import type { Neighbourhood } from '../domain/forecasting/neighbours.ts'
import {
  addToProfile,
  buildProfile,
  combineProfiles,
  emptyProfileSums,
  type Profile,
  type ProfileSums,
} from '../domain/forecasting/profile.ts'
import { RICH_FEATURES, richFeatures } from '../domain/forecasting/rich-features.ts'
import { binAt, type StationGrid } from '../domain/forecasting/station-grid.ts'
import type { StationPlace } from '../domain/forecasting/station-place.ts'

/** What all rows of one horizon are made from. */
export interface RowSource {
  grid: StationGrid
  places: readonly StationPlace[]
  neighbourhood: Neighbourhood
  timezone: string
  horizonMinutes: number
  /** Grid rows that repeat a frozen feed, 1 each: no label may begin or end there. */
  frozen: Uint8Array
}

/** Samples: one a station and bin. `values` holds RICH_FEATURES row after row. */
export interface SampleRows {
  rows: number
  values: Float32Array
  /** Bikes at T + h minus bikes at T. */
  change: Float32Array
  station: Int32Array
  /** Grid row of T. */
  bin: Int32Array
}

/** Sums of the profile over labels that lie wholly in rows from..until. */
export function profileSums(
  source: RowSource,
  { from, until }: { from: number; until: number },
): ProfileSums {
  const { grid, timezone, horizonMinutes, frozen } = source
  const horizonBins = horizonMinutes / 5
  const sums = emptyProfileSums(grid.stations)
  for (let row = from; row + horizonBins < until; row += 1) {
    if (frozen[row] === 1 || frozen[row + horizonBins] === 1) continue
    const { habit, slot } = momentOf({ utc: binAt(grid, row), timezone })
    for (let station = 0; station < grid.stations; station += 1) {
      const change = changeLabel({ grid, row, station, horizonBins })
      if (change === NO_LABEL) continue
      addToProfile(sums, { station, habit, slot, change, bikes: grid.bikes[row * grid.stations + station]! })
    }
  }
  return sums
}

/**
 * Rows to train on, of the bins from..until whose label also ends before `until`. Each local day's rows get a profile
 * without that day. `stride` thins the bins; the places shift from day to day, so that all minutes of the hour occur.
 */
export function trainingRows(
  source: RowSource,
  span: { from: number; until: number },
  { sums, stride }: { sums: ProfileSums; stride: number },
): SampleRows {
  const horizonBins = source.horizonMinutes / 5
  const days = daysOf(source, span)
  const builder = new RowBuilder(source, span.until - horizonBins)
  days.forEach(({ from, until }, place) => {
    // Labels that begin or end in the day.
    const own = profileSums(source, {
      from: Math.max(span.from, from - horizonBins),
      until: Math.min(until + horizonBins, span.until),
    })
    const others = copyOf(sums)
    combineProfiles(others, own, -1)
    const profile = buildProfile(others, source.neighbourhood.nearest)
    for (let row = from; row < until; row += 1) {
      if ((row + place) % stride === 0) builder.add(row, profile, { skipFrozen: true })
    }
  })
  return builder.take()
}

/** Rows to judge by: every bin from..until whose label exists, with a given profile; frozen ones only when asked for. */
export function judgedRows(
  source: RowSource,
  span: { from: number; until: number },
  { profile, stride, skipFrozen }: { profile: Profile; stride: number; skipFrozen: boolean },
): SampleRows {
  const builder = new RowBuilder(source, source.grid.bins)
  for (let row = span.from; row < span.until; row += 1) {
    if (row % stride === 0) builder.add(row, profile, { skipFrozen })
  }
  return builder.take()
}

/** Grows by doubling: at most twice the rows' own size for a moment. */
class RowBuilder {
  readonly #source: RowSource
  readonly #lastRow: number
  readonly #bin: Float32Array
  #rows = 0
  #values = new Float32Array(4096 * RICH_FEATURES.length)
  #change = new Float32Array(4096)
  #station = new Int32Array(4096)
  #place = new Int32Array(4096)

  /** `lastRow`: bins from here on have their label outside of the span. */
  constructor(source: RowSource, lastRow: number) {
    this.#source = source
    this.#lastRow = lastRow
    this.#bin = new Float32Array(source.grid.stations * RICH_FEATURES.length)
  }

  add(row: number, profile: Profile, { skipFrozen }: { skipFrozen: boolean }): void {
    const { grid, places, neighbourhood, timezone, horizonMinutes, frozen } = this.#source
    const horizonBins = horizonMinutes / 5
    if (row >= this.#lastRow) return
    if (skipFrozen && (frozen[row] === 1 || frozen[row + horizonBins] === 1)) return
    const width = RICH_FEATURES.length
    let computed = false
    for (let station = 0; station < grid.stations; station += 1) {
      const change = changeLabel({ grid, row, station, horizonBins })
      if (change === NO_LABEL) continue
      if (!computed) {
        const moment = momentOf({ utc: binAt(grid, row), timezone })
        const encoders = { horizonMinutes, places, neighbourhood, profile }
        richFeatures({ grid, row, moment, encoders, out: this.#bin })
        computed = true
      }
      if (this.#rows === this.#change.length) this.#grow()
      this.#values.set(this.#bin.subarray(station * width, (station + 1) * width), this.#rows * width)
      this.#change[this.#rows] = change
      this.#station[this.#rows] = station
      this.#place[this.#rows] = row
      this.#rows += 1
    }
  }

  take(): SampleRows {
    const rows = this.#rows
    return {
      rows,
      values: this.#values.subarray(0, rows * RICH_FEATURES.length),
      change: this.#change.subarray(0, rows),
      station: this.#station.subarray(0, rows),
      bin: this.#place.subarray(0, rows),
    }
  }

  #grow(): void {
    const grown = <Numbers extends Float32Array | Int32Array>(from: Numbers, to: Numbers): Numbers => {
      to.set(from)
      return to
    }
    this.#values = grown(this.#values, new Float32Array(this.#values.length * 2))
    this.#change = grown(this.#change, new Float32Array(this.#change.length * 2))
    this.#station = grown(this.#station, new Int32Array(this.#station.length * 2))
    this.#place = grown(this.#place, new Int32Array(this.#place.length * 2))
  }
}

/** Spans of grid rows, one a local day. */
export function daysOf(
  { grid, timezone }: Pick<RowSource, 'grid' | 'timezone'>,
  { from, until }: { from: number; until: number },
): { name: string; from: number; until: number }[] {
  const days: { name: string; from: number; until: number }[] = []
  for (let row = from; row < until; row += 1) {
    const name = localDayName({ utc: grid.start + row * BIN_MS, timezone })
    const last = days.at(-1)
    if (last?.name === name) last.until = row + 1
    else days.push({ name, from: row, until: row + 1 })
  }
  return days
}

function copyOf(sums: ProfileSums): ProfileSums {
  return {
    stations: sums.stations,
    count: sums.count.slice(),
    change: sums.change.slice(),
    moves: sums.moves.slice(),
    level: sums.level.slice(),
  }
}

/** The rows from one on: a view. */
export function rowsFrom(rows: SampleRows, first: number): SampleRows {
  return {
    rows: rows.rows - first,
    values: rows.values.subarray(first * RICH_FEATURES.length),
    change: rows.change.subarray(first),
    station: rows.station.subarray(first),
    bin: rows.bin.subarray(first),
  }
}

/** Samples one after the other. */
export function joinRows(parts: readonly SampleRows[]): SampleRows {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const all: SampleRows = {
    rows,
    values: new Float32Array(rows * RICH_FEATURES.length),
    change: new Float32Array(rows),
    station: new Int32Array(rows),
    bin: new Int32Array(rows),
  }
  let at = 0
  for (const part of parts) {
    all.values.set(part.values, at * RICH_FEATURES.length)
    all.change.set(part.change, at)
    all.station.set(part.station, at)
    all.bin.set(part.bin, at)
    at += part.rows
  }
  return all
}
