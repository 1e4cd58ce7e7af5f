import fc from 'fast-check'
import { expect, test } from 'vitest'
import { performance } from '../../../services/domain/aggregates/performance.ts'
import { changeBetween, NO_LABEL } from '../../../services/domain/forecasting/labels.ts'
import { type ScoredForecast, scoreForecast } from '../../../services/domain/forecasting/score.ts'
import type { ServedForecast } from '../../../services/domain/forecasting/served-forecast.ts'
import { skillOf, sumsByHorizon } from '../../../services/domain/forecasting/skill.ts'

const MIDNIGHT = Date.UTC(2024, 8, 3)
const count = fc.integer({ min: 0, max: 40 })
const single = fc.float({ min: 0, max: 40, noNaN: true })
const share = fc.option(fc.float({ min: 0, max: 1, noNaN: true }), { nil: null })

function served(over: Partial<ServedForecast> = {}): ServedForecast {
  return {
    station_id: '1',
    tbin_utc: MIDNIGHT - 600_000,
    ts_utc: MIDNIGHT - 500_000,
    poll_id: 'p',
    predicted_utc: MIDNIGHT - 480_000,
    stale: false,
    bikes: 5,
    docks: 10,
    capacity: 15,
    horizon_min: 15,
    target_utc: MIDNIGHT + 300_000,
    bikes_mean: 5.5,
    bikes_median: 6,
    docks_mean: 9.5,
    docks_median: 9,
    bikes_q10: 4,
    bikes_q50: 5.5,
    bikes_q90: 7,
    p_bike: 0.99,
    p_dock: 0.98,
    model_version: 'trend@1.0.0',
    feature_set: null,
    features_hash: null,
    inputs: null,
    ...over,
  }
}

const scored: fc.Arbitrary<ScoredForecast> = fc
  .record({
    bikes: count,
    now: count,
    docks: fc.option(count, { nil: null }),
    bikes_mean: single,
    low: single,
    width: fc.option(single, { nil: null }),
    p_bike: share,
    p_dock: share,
    horizon_min: fc.constantFrom(15, 60),
    model_version: fc.constantFrom('a@1.0.0', 'b@2.0.0'),
    stale: fc.boolean(),
  })
  .map(({ bikes, now, docks, low, width, ...own }) => {
    const band =
      width === null ? { bikes_q10: null, bikes_q90: null } : { bikes_q10: low, bikes_q90: low + width }
    return {
      bikes,
      docks,
      forecast: served({ ...own, ...band, bikes: now, bikes_median: Math.round(own.bikes_mean) }),
    }
  })

const sums = (rows: readonly ScoredForecast[]) => {
  const state = performance.empty()
  for (const row of rows) performance.add(state, row)
  return state
}
const text = (state: ReturnType<typeof sums>): string => JSON.stringify(performance.encode(state))

test('any cut and order of scored forecasts gives the same bytes', () => {
  fc.assert(
    fc.property(fc.array(scored), fc.array(scored), (left, right) => {
      const whole = text(sums([...left, ...right]))
      expect(text(performance.merge(sums(left), sums(right)))).toBe(whole)
      expect(text(performance.merge(sums(right), sums(left)))).toBe(whole)
      expect(text(sums([...right, ...left].reverse()))).toBe(whole)
      expect(text(performance.decode(JSON.parse(whole)))).toBe(whole)
      expect(text(performance.merge(performance.empty(), sums(left)))).toBe(text(sums(left)))
    }),
    { numRuns: 60 },
  )
})

test('skill is that of the rows, by horizon', () => {
  fc.assert(
    fc.property(fc.array(scored, { minLength: 1 }), (rows) => {
      for (const [horizon, own] of sumsByHorizon(sums(rows))) {
        const mine = rows.filter(({ forecast }) => forecast.horizon_min === horizon)
        const mean = (of: (row: ScoredForecast) => number): number =>
          mine.reduce((sum, row) => sum + of(row), 0) / mine.length
        const skill = skillOf(own)
        expect(skill.mae_model).toBeCloseTo(
          mean(({ bikes, forecast }) => Math.abs(bikes - forecast.bikes_median)),
          9,
        )
        const rmse = Math.sqrt(mean(({ bikes, forecast }) => (bikes - forecast.bikes_mean) ** 2))
        expect(Math.abs(skill.rmse_model! - rmse)).toBeLessThan(1e-3)
        const banded = mine.filter(({ forecast }) => forecast.bikes_q10 !== null)
        const held = banded.filter(
          ({ bikes, forecast }) => forecast.bikes_q10! <= bikes && bikes <= forecast.bikes_q90!,
        )
        expect(skill.coverage_80).toBe(banded.length === 0 ? null : held.length / banded.length)
        const probable = mine.filter(({ forecast }) => forecast.p_bike !== null)
        if (probable.length === 0) expect(skill.brier_bike).toBeNull()
        else {
          const brier =
            probable.reduce((sum, row) => sum + (row.forecast.p_bike! - (row.bikes > 0 ? 1 : 0)) ** 2, 0) /
            probable.length
          expect(skill.brier_bike).toBeCloseTo(brier, 5)
        }
        expect(skill.lift === null).toBe(skill.mae_persistence === 0)
      }
    }),
    { numRuns: 60 },
  )
})

test('a change counts between known counts in service at both ends, and nothing else does', () => {
  const end = fc.record({ bikes: fc.option(count, { nil: null }), inService: fc.boolean() })
  fc.assert(
    fc.property(end, end, (from, to) => {
      const change = changeBetween({ from, to })
      const known = from.bikes !== null && to.bikes !== null && from.inService && to.inService
      expect(change).toBe(known ? to.bikes! - from.bikes! : NO_LABEL)
    }),
  )
})

test('a forecast is compared with its target alone, and with nothing when an end is out of service', () => {
  const target = { bikes: 8, docks: 7, inService: true }
  const forecast = served()
  expect(scoreForecast({ forecast, inServiceAtSource: true, target })).toEqual({
    forecast,
    bikes: 8,
    docks: 7,
  })
  expect(scoreForecast({ forecast, inServiceAtSource: false, target })).toBeNull()
  expect(
    scoreForecast({ forecast, inServiceAtSource: true, target: { ...target, inService: false } }),
  ).toBeNull()
  expect(scoreForecast({ forecast, inServiceAtSource: true, target: { ...target, bikes: null } })).toBeNull()
  expect(scoreForecast({ forecast, inServiceAtSource: true, target: null })).toBeNull()
})
