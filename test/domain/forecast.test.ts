import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  clipCount,
  horizonForecast,
  judgeFreshness,
  roundHalfEven,
  validUntil,
} from '../../services/domain/forecast.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { packSlot, readSlot, type Slot } from '../../services/domain/slot.ts'
import { BIN, observation } from './observations.ts'

const slotOf = (more: Partial<Observation> = {}): Slot & { bikes: number } => {
  const slot = readSlot(packSlot(observation(more)))!
  return { ...slot, bikes: slot.bikes ?? 0 }
}
const forecast = (output: Parameters<typeof horizonForecast>[0]['output'], more: Partial<Observation> = {}) =>
  horizonForecast({ horizon_min: 15, slot: slotOf(more), output, model_version: 'm@1.0.0' })

describe('forecast', () => {
  test('clips to 0 and to capacity, or to the bikes that are there when they are more', () => {
    expect(clipCount({ value: -2, capacity: 30, now: 4 })).toBe(0)
    expect(clipCount({ value: 40, capacity: 30, now: 4 })).toBe(30)
    expect(clipCount({ value: 40, capacity: 30, now: 35 })).toBe(35)
  })

  test('without a capacity only the lower bound holds', () => {
    expect(clipCount({ value: 400, capacity: null, now: 4 })).toBe(400)
    expect(clipCount({ value: -1, capacity: null, now: 4 })).toBe(0)
  })

  test('halves are rounded to the even neighbour', () => {
    expect([0.5, 1.5, 2.5, 3.5, 0.49999, 2.50001].map(roundHalfEven)).toEqual([0, 2, 2, 4, 0, 3])
  })

  test('any output gives finite counts within the bounds, or no horizon', () => {
    const value = fc.oneof(fc.double(), fc.double({ min: -5, max: 60 }), fc.constant(Number.NaN))
    fc.assert(
      fc.property(
        fc.record({ bikes_mean: value, docks_mean: value, bikes_q50: value, p_bike: value }),
        fc.record({ bikes: fc.nat(60), capacity: fc.option(fc.nat(50)), docks: fc.option(fc.nat(50)) }),
        (output, now) => {
          const result = forecast(output, now)
          if (!Number.isFinite(output.bikes_mean)) return result === null
          const { bikes_mean, bikes_median, docks_mean, docks_median, p_bike } = result!
          const upper = now.capacity === null ? Number.POSITIVE_INFINITY : Math.max(now.capacity, now.bikes)
          for (const count of [bikes_mean, bikes_median, docks_mean ?? 0, docks_median ?? 0, p_bike ?? 0]) {
            if (Number.isNaN(count) || count < 0) return false
          }
          return bikes_mean <= upper && bikes_median <= upper && (p_bike ?? 0) <= 1
        },
      ),
    )
  })

  test('quantiles and probabilities that a model does not give are null, the median is then the rounded mean', () => {
    expect(forecast({ bikes_mean: 3.5, docks_mean: Number.NaN })).toEqual({
      horizon_min: 15,
      target_utc: BIN + 900_000,
      bikes_mean: 3.5,
      bikes_median: 4,
      docks_mean: null,
      docks_median: null,
      bikes_q10: null,
      bikes_q50: null,
      bikes_q90: null,
      p_bike: null,
      p_dock: null,
      model_version: 'm@1.0.0',
    })
  })

  test('the median is q50 where the model has one', () => {
    expect(forecast({ bikes_mean: 6, bikes_q50: 2.4 })).toMatchObject({
      bikes_median: 2,
      bikes_q50: Math.fround(2.4),
    })
  })

  test('freshness goes by the data’s age at the fetch: stale above its limit, withheld above the second', () => {
    const judge = (minutes: number) =>
      judgeFreshness({ ts_utc: 0, fetched_utc: minutes * 60_000, stale_minutes: 10, withhold_minutes: 60 })
    expect([-1, 0, 10, 10.01, 60, 60.01].map(judge)).toEqual([
      'fresh',
      'fresh',
      'fresh',
      'stale',
      'stale',
      'withheld',
    ])
  })

  test('a forecast is valid until its data would be withheld', () => {
    expect(validUntil({ ts_utc: BIN, withhold_minutes: 60 })).toBe(BIN + 3_600_000)
  })
})
