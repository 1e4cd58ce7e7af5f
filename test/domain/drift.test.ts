import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Histogram, stepGrid, wholeGrid } from '../../services/domain/aggregates/histogram.ts'
import { values } from '../../services/domain/aggregates/values.ts'
import { deltas, driftByFeature, ks, PSI_FLOOR, psi, psiEdges } from '../../services/domain/drift.ts'

const uniform = (from: number, to: number, times = 10): Histogram =>
  new Map(Array.from({ length: to - from + 1 }, (_, at) => [from + at, times]))

const histogram = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 50 })), {
    selector: ([cell]) => cell,
    minLength: 2,
    maxLength: 30,
  })
  .map((pairs): Histogram => new Map(pairs))

describe('PSI', () => {
  test('of two halves moved from 50:50 to 25:75 is 0.2747', () => {
    const reference: Histogram = new Map([
      [0, 50],
      [1, 50],
    ])
    const current: Histogram = new Map([
      [0, 25],
      [1, 75],
    ])
    expect(psi({ reference, current })).toBeCloseTo(0.25 * Math.log(2) + 0.25 * Math.log(1.5), 12)
    expect(psi({ reference, current })).toBeCloseTo(0.2747, 4)
  })
  test('has 20 bins of 5 % on 100 even values, edges at every fifth', () => {
    expect(psiEdges(uniform(0, 99))).toEqual(Array.from({ length: 19 }, (_, k) => 5 * k + 4))
  })
  test('merges equal quantiles: a value with 90 % of the rows is one bin', () => {
    expect(
      psiEdges(
        new Map([
          [0, 90],
          [1, 5],
          [2, 5],
        ]),
      ),
    ).toEqual([0, 1])
  })
  test('keeps values outside of the reference: all of them beyond its end cost what the floor allows', () => {
    const found = psi({ reference: uniform(0, 99), current: uniform(200, 299) })!
    const empty = 19 * (0.05 - PSI_FLOOR) * Math.log(0.05 / PSI_FLOOR)
    const full = (0.05 - 1) * Math.log(0.05 / 1)
    expect(found).toBeCloseTo(empty + full, 9)
  })
  test('is null for a reference of one value, and for too few rows', () => {
    expect(psi({ reference: new Map([[3, 1000]]), current: uniform(0, 9) })).toBeNull()
    expect(
      psi({
        reference: new Map([
          [0, 2],
          [1, 2],
        ]),
        current: uniform(0, 9),
      }),
    ).toBeNull()
  })
  test('is never negative, zero for the same shares, and finite', () => {
    fc.assert(
      fc.property(histogram, histogram, (reference, current) => {
        const found = psi({ reference, current })
        if (found !== null) {
          expect(found).toBeGreaterThanOrEqual(0)
          expect(Number.isFinite(found)).toBe(true)
        }
        const tripled = new Map([...reference].map(([cell, times]) => [cell, 3 * times]))
        expect(psi({ reference, current: tripled }) ?? 0).toBeCloseTo(0, 12)
      }),
    )
  })
})

describe('KS', () => {
  test('of 0..99 against 50..149 is one half', () => {
    expect(ks({ reference: uniform(0, 99), current: uniform(50, 149) })).toBeCloseTo(0.5, 12)
  })
  test('lies between 0 and 1 and is symmetric', () => {
    fc.assert(
      fc.property(histogram, histogram, (a, b) => {
        const found = ks({ reference: a, current: b })
        expect(ks({ reference: b, current: a })).toBe(found)
        if (found !== null) expect(found >= 0 && found <= 1 + 1e-12).toBe(true)
      }),
    )
  })
})

describe('deltas', () => {
  test('are in standard deviations and relative', () => {
    const reference: Histogram = new Map([
      [0, 50],
      [2, 50],
    ])
    const current: Histogram = new Map([
      [0, 50],
      [4, 50],
    ])
    const found = deltas({ reference, current, grid: wholeGrid({ limit: 100 }) })
    expect(found.delta_mean).toBeCloseTo(1 / Math.sqrt(100 / 99), 12)
    expect(found.delta_var).toBeCloseTo(3, 12)
  })
  test('are null when the reference does not spread', () => {
    expect(
      deltas({ reference: new Map([[1, 9]]), current: uniform(0, 9), grid: wholeGrid({ limit: 9 }) }),
    ).toEqual({ delta_mean: null, delta_var: null })
  })
})

describe('drift by feature', () => {
  test('lists what the data has, with null figures when there is no reference', () => {
    const current = { ...values.empty(), bikes: uniform(0, 9) }
    expect(driftByFeature({ reference: null, current })).toEqual([
      { feature: 'bikes', psi: null, ks: null, delta_mean: null, delta_var: null },
    ])
  })
  test('a step grid gives a value back to half a step, and keeps what lies outside in its outer cells', () => {
    const grid = stepGrid({ width: 0.1, low: -60, high: 60 })
    fc.assert(
      fc.property(fc.double({ min: -60, max: 60, noNaN: true }), (value) => {
        expect(Math.abs(grid.value(grid.cell(value)) - value)).toBeLessThanOrEqual(0.05 + 1e-9)
      }),
    )
    expect(grid.cell(999)).toBe(grid.cell(60))
    expect(grid.cell(-999)).toBe(0)
  })
})
