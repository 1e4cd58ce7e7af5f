import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { momentOf } from '../../../services/domain/forecasting/moment.ts'
import { NEIGHBOURS, neighbourhood } from '../../../services/domain/forecasting/neighbours.ts'
import { addToProfile, buildProfile, emptyProfileSums } from '../../../services/domain/forecasting/profile.ts'
import { RICH_FEATURES, richFeatures } from '../../../services/domain/forecasting/rich-features.ts'
import {
  binAt,
  carryForward,
  emptyGrid,
  NO_AGE,
  type StationGrid,
} from '../../../services/domain/forecasting/station-grid.ts'
import { places, syntheticGrid } from './synthetic-grid.ts'

const STATIONS = 9
const stations = places(STATIONS)
const near = neighbourhood(stations)

function profileOf(): ReturnType<typeof buildProfile> {
  const sums = emptyProfileSums(STATIONS)
  for (let row = 0; row < 4000; row += 1) {
    addToProfile(sums, {
      station: row % STATIONS,
      habit: row % 7,
      slot: row % 48,
      change: (row % 5) - 2,
      bikes: row % 13,
    })
  }
  return buildProfile(sums, near.nearest)
}
const encoders = { horizonMinutes: 15, places: stations, neighbourhood: near, profile: profileOf() }

function features(grid: StationGrid, row: number): Float32Array {
  const moment = momentOf({ utc: binAt(grid, row), timezone: 'Europe/Paris' })
  return richFeatures({ grid, row, moment, encoders })
}

function value(values: Float32Array, station: number, name: string): number {
  return values[station * RICH_FEATURES.length + RICH_FEATURES.indexOf(name)]!
}

/** Bikes at T − lag as the window holds them, null where unknown: the definition, written the slow way. */
function bikesAt(grid: StationGrid, row: number, station: number, lag: number): number | null {
  const place = row - lag
  if (place < 0 || lag > 48) return null
  const cell = place * grid.stations + station
  if (grid.age[cell] === NO_AGE) return null
  const carried = Math.floor((grid.age[cell]! - 1) / 300)
  return lag + carried > 48 ? null : grid.bikes[cell]!
}

const grids = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  holes: fc.double({ min: 0, max: 0.9, noNaN: true }),
  carry: fc.constantFrom(0, 20),
  row: fc.integer({ min: 0, max: 79 }),
})

describe('rich features', () => {
  test('agree with their definitions, one station and lag at a time', () => {
    fc.assert(
      fc.property(grids, ({ seed, holes, carry, row }) => {
        const grid = syntheticGrid({ seed, holes, bins: 80, stations: STATIONS })
        if (carry > 0) carryForward(grid, carry)
        const all = features(grid, row)
        for (let station = 0; station < STATIONS; station += 1) {
          const past = Array.from({ length: 49 }, (_, lag) => bikesAt(grid, row, station, lag))
          const now = past[0] ?? Number.NaN
          expect(value(all, station, 'bikes')).toBe(now)
          for (const lag of [1, 6, 48]) {
            expect(value(all, station, `change_${lag}`)).toBe(now - (past[lag] ?? Number.NaN))
          }
          const lastTwelve = past.slice(0, 12).filter((bikes) => bikes !== null)
          if (past[0] == null) continue
          const mean = lastTwelve.reduce((sum, bikes) => sum + bikes, 0) / lastTwelve.length
          expect(value(all, station, 'above_mean_12')).toBeCloseTo(now - mean, 4)
          const variance = lastTwelve.reduce((sum, bikes) => sum + (bikes - mean) ** 2, 0) / lastTwelve.length
          expect(value(all, station, 'spread_12')).toBeCloseTo(Math.sqrt(variance), 2)
          const known = past.flatMap((bikes, lag) => (bikes === null ? [] : [{ bikes, lag }]))
          const steps = known
            .slice(0, -1)
            .map((newer, place) => ({ step: newer.bikes - known[place + 1]!.bikes, lag: newer.lag }))
          const last = steps.find(({ step }) => step !== 0)
          expect(value(all, station, 'minutes_since_change')).toBe(last === undefined ? 245 : last.lag * 5)
          expect(value(all, station, 'last_change')).toBe(last?.step ?? 0)
          const moved = (bins: number): number =>
            steps.filter(({ lag }) => lag < bins).reduce((sum, { step }) => sum + Math.abs(step), 0)
          expect(value(all, station, 'arrivals_12') + value(all, station, 'departures_12')).toBe(moved(12))
          expect(value(all, station, 'moves_48')).toBe(moved(49))
        }
      }),
      { numRuns: 30 },
    )
  })

  test('neighbours are the nearest by distance, and their mean change is that of the known ones', () => {
    const grid = syntheticGrid({ seed: 5, bins: 60, stations: STATIONS })
    const all = features(grid, 55)
    expect(near.nearest.subarray(0, NEIGHBOURS).every((place) => place === -1)).toBe(true)
    for (let station = 1; station < STATIONS; station += 1) {
      const changes = [...near.nearest.subarray(station * NEIGHBOURS, (station + 1) * NEIGHBOURS)].flatMap(
        (other) => {
          const now = bikesAt(grid, 55, other, 0)
          const before = bikesAt(grid, 55, other, 12)
          return now === null || before === null ? [] : [now - before]
        },
      )
      const mean = changes.reduce((sum, change) => sum + change, 0) / changes.length
      expect(value(all, station, 'near_change_60')).toBeCloseTo(mean, 4)
    }
  })

  test('never read a bin after T', () => {
    fc.assert(
      fc.property(grids, ({ seed, holes, row }) => {
        const grid = syntheticGrid({ seed, holes, bins: 80, stations: STATIONS })
        const before = features(grid, row)
        const first = (row + 1) * STATIONS
        for (const counts of [grid.bikes, grid.docks, grid.mechanical, grid.ebike, grid.capacity]) {
          counts.fill(99, first)
        }
        grid.age.fill(1, first)
        expect(features(grid, row)).toEqual(before)
      }),
      { numRuns: 20 },
    )
  })

  test('a window of 49 bins gives what the whole recording gives', () => {
    fc.assert(
      fc.property(grids, ({ seed, holes, carry, row }) => {
        const grid = syntheticGrid({ seed, holes, bins: 80, stations: STATIONS })
        const from = Math.max(0, row - 48)
        const window = emptyGrid({ start: binAt(grid, from), bins: row - from + 1, stations: STATIONS })
        for (const name of ['bikes', 'docks', 'mechanical', 'ebike', 'capacity', 'service', 'age'] as const) {
          window[name].set(grid[name].subarray(from * STATIONS, (row + 1) * STATIONS))
        }
        if (carry > 0) {
          carryForward(grid, carry)
          carryForward(window, carry)
        }
        expect(features(window, row - from)).toEqual(features(grid, row))
      }),
      { numRuns: 20 },
    )
  })

  test('holidays are free days with the habits of a Sunday', () => {
    const moment = momentOf({ utc: Date.parse('2024-11-01T08:00:00Z'), timezone: 'Europe/Paris' })
    expect(moment).toMatchObject({ dayOfWeek: 4, holiday: true, free: true, habit: 6, minuteOfDay: 540 })
    const easterMonday = momentOf({ utc: Date.parse('2024-04-01T08:00:00Z'), timezone: 'Europe/Paris' })
    expect(easterMonday.holiday).toBe(true)
    const memorialDay = momentOf({ utc: Date.parse('2023-05-29T18:00:00Z'), timezone: 'America/Los_Angeles' })
    expect(memorialDay.holiday).toBe(true)
    const sameDayElsewhere = momentOf({ utc: Date.parse('2024-11-01T08:00:00Z'), timezone: 'Asia/Tokyo' })
    expect(sameDayElsewhere.holiday).toBe(false)
  })
})
