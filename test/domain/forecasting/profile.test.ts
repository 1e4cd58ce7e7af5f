import { describe, expect, test } from 'vitest'
import { neighbourhood } from '../../../services/domain/forecasting/neighbours.ts'
import {
  addToProfile,
  buildProfile,
  combineProfiles,
  emptyProfileSums,
} from '../../../services/domain/forecasting/profile.ts'
import { RICH_FEATURES } from '../../../services/domain/forecasting/rich-features.ts'
import { profileSums, trainingRows } from '../../../services/train/training-rows.ts'
import { places, syntheticGrid } from './synthetic-grid.ts'

const STATIONS = 9
const stations = places(STATIONS)
const near = neighbourhood(stations)

describe('profile', () => {
  test('without a row nothing is expected to change, and no level is known', () => {
    const profile = buildProfile(emptyProfileSums(STATIONS), near.nearest)
    expect(profile.weekChange.every((change) => change === 0)).toBe(true)
    expect(profile.stationLevel.every(Number.isNaN)).toBe(true)
  })

  test('comes near the mean of many days, and stays near none with one', () => {
    const expectedAfter = (days: number): number => {
      const sums = emptyProfileSums(1)
      for (let row = 0; row < days * 6 * 3; row += 1) {
        addToProfile(sums, { station: 0, habit: 1, slot: 16 + (row % 3), change: 5, bikes: 10 })
      }
      return buildProfile(sums, new Int32Array(6).fill(-1)).weekChange[1 * 48 + 17]!
    }
    expect(expectedAfter(50)).toBeGreaterThan(4.5)
    expect(expectedAfter(50)).toBeLessThanOrEqual(5.001)
    // The network's own mean is the prior: with one station, they are one.
    expect(expectedAfter(1)).toBeLessThanOrEqual(5.001)
  })

  test('adding and subtracting a day gives back what there was', () => {
    const sums = emptyProfileSums(2)
    const day = emptyProfileSums(2)
    addToProfile(sums, { station: 1, habit: 2, slot: 3, change: -4, bikes: 6 })
    addToProfile(day, { station: 1, habit: 2, slot: 3, change: 2, bikes: 7 })
    const before = structuredClone(sums)
    combineProfiles(sums, day, 1)
    combineProfiles(sums, day, -1)
    expect(sums).toEqual(before)
  })

  test("a training row's profile knows nothing of its own day", () => {
    const bins = 288 * 3
    const rowsOf = (quiet: boolean): Map<number, number> => {
      const grid = syntheticGrid({ seed: 9, bins, stations: STATIONS, holes: 0 })
      grid.service.fill(1)
      if (quiet)
        for (let row = 289; row < 575; row += 1) grid.bikes.fill(7, row * STATIONS, (row + 1) * STATIONS)
      const source = {
        grid,
        places: stations,
        neighbourhood: near,
        timezone: 'UTC',
        horizonMinutes: 15,
        frozen: new Uint8Array(bins),
      }
      const span = { from: 0, until: bins }
      const rows = trainingRows(source, span, { sums: profileSums(source, span), stride: 7 })
      const column = RICH_FEATURES.indexOf('week_change')
      const found = new Map<number, number>()
      for (let row = 0; row < rows.rows; row += 1) {
        found.set(
          rows.bin[row]! * STATIONS + rows.station[row]!,
          rows.values[row * RICH_FEATURES.length + column]!,
        )
      }
      return found
    }
    const [lively, quiet] = [rowsOf(false), rowsOf(true)]
    const differing = (from: number, until: number): number =>
      [...lively].filter(([cell, value]) => {
        const bin = Math.floor(cell / STATIONS)
        return bin >= from && bin < until && Math.abs(value - quiet.get(cell)!) > 1e-4
      }).length
    expect(differing(288, 576)).toBe(0)
    expect(differing(576, bins)).toBeGreaterThan(100)
  })
})
