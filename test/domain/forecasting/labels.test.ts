import { describe, expect, test } from 'vitest'
import { changeLabel, frozenRows, NO_LABEL } from '../../../services/domain/forecasting/labels.ts'
import { carryForward, NO_AGE, rowAt } from '../../../services/domain/forecasting/station-grid.ts'
import { syntheticGrid } from './synthetic-grid.ts'

const full = { stations: 4, holes: 0 }

describe('labels', () => {
  test('reach across midnight', () => {
    const grid = syntheticGrid({ seed: 1, bins: 600, ...full })
    const row = rowAt(grid, Date.parse('2026-03-02T23:30:00Z'))
    const later = rowAt(grid, Date.parse('2026-03-03T00:30:00Z'))
    grid.service.fill(1)
    expect(changeLabel({ grid, row, station: 2, horizonBins: 12 })).toBe(
      grid.bikes[later * 4 + 2]! - grid.bikes[row * 4 + 2]!,
    )
  })

  test('are none where an end is missing, out of service or beyond the recording', () => {
    const grid = syntheticGrid({ seed: 2, bins: 30, ...full })
    grid.service.fill(1)
    const label = (row: number): number => changeLabel({ grid, row, station: 0, horizonBins: 3 })
    expect(label(5)).not.toBe(NO_LABEL)
    expect(label(27)).toBe(NO_LABEL)
    grid.service[8 * 4] = 0
    expect(label(5)).toBe(NO_LABEL)
    expect(label(8)).toBe(NO_LABEL)
    grid.age[12 * 4] = NO_AGE
    expect(label(9)).toBe(NO_LABEL)
  })

  test('carry an observation no further than its age allows', () => {
    const grid = syntheticGrid({ seed: 3, bins: 10, stations: 1, holes: 0 })
    grid.age.fill(NO_AGE)
    grid.age[0] = 200
    carryForward(grid, 20)
    expect([...grid.age.subarray(0, 5)]).toEqual([200, 500, 800, 1100, NO_AGE])
  })

  test('a network that stands still by day is frozen, the bin in which the values came is not', () => {
    const stations = 200
    const grid = syntheticGrid({ seed: 4, bins: 288 * 6, stations, holes: 0 })
    const from = 288 * 4 + 100
    for (let row = from + 1; row <= from + 12; row += 1) {
      for (const counts of [grid.bikes, grid.docks, grid.mechanical, grid.ebike]) {
        counts.copyWithin(row * stations, from * stations, (from + 1) * stations)
      }
    }
    const frozen = frozenRows({ grid, timezone: 'UTC' })
    expect(frozen[from]).toBe(0)
    expect([...frozen.subarray(from + 1, from + 13)]).toEqual(new Array(12).fill(1))
    expect(frozen.reduce((sum, value) => sum + value, 0)).toBe(12)
  })
})
