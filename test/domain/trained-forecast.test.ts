import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { trainedForecast } from '../../services/domain/forecast.ts'
import { isSampled } from '../../services/domain/sampling.ts'
import { BIN } from './observations.ts'

const count = fc.integer({ min: 0, max: 80 })

describe('a trained horizon', () => {
  test('is in order and within [0, max(capacity, bikes now)], whatever the row says', () => {
    const row = fc.record({
      mean: fc.double({ min: -50, max: 200, noNaN: true }),
      quantiles: fc
        .tuple(
          fc.integer({ min: -50, max: 200 }),
          fc.integer({ min: -50, max: 200 }),
          fc.integer({ min: -50, max: 200 }),
        )
        .map((values) => values.sort((a, b) => a - b)),
      pBike: fc.double({ min: 0, max: 1, noNaN: true }),
      pDock: fc.double({ min: 0, max: 1 }),
    })
    fc.assert(
      fc.property(row, count, fc.option(count), fc.option(count), (given, bikes, docks, capacity) => {
        const [q10, median, q90] = given.quantiles as [number, number, number]
        const forecast = trainedForecast({
          horizon_min: 15,
          slot: { tbin_utc: BIN, bikes, docks },
          row: { ...given, q10, median, q90, docks: 0, atMost: () => 1 },
          capacity,
          model_version: 'trees@1.0.0',
        })!
        const most = capacity === null ? Number.POSITIVE_INFINITY : Math.max(capacity, bikes)
        const ordered = [0, forecast.bikes_q10!, forecast.bikes_q50!, forecast.bikes_q90!, most]
        expect(ordered).toEqual([...ordered].sort((a, b) => a - b))
        expect(forecast.bikes_mean >= 0 && forecast.bikes_mean <= most).toBe(true)
        expect(Number.isInteger(forecast.bikes_median)).toBe(true)
        expect(forecast.docks_mean === null && forecast.docks_median === null).toBe(docks === null)
        if (docks === null) return
        const free = capacity === null ? Number.POSITIVE_INFINITY : Math.max(capacity, docks)
        expect(forecast.docks_mean! >= 0 && forecast.docks_mean! <= free).toBe(true)
        expect(Number.isInteger(forecast.docks_median)).toBe(true)
      }),
    )
  })

  test('is left out when the mean is not finite', () => {
    const slot = { tbin_utc: BIN, bikes: 3, docks: 4 }
    const row = { mean: Number.NaN, q10: 1, median: 2, q90: 3, pBike: 1, pDock: 1, docks: 4, atMost: () => 1 }
    const given = { horizon_min: 15, slot, row, capacity: 10, model_version: 'trees@1.0.0' }
    expect(trainedForecast(given)).toBeNull()
  })
})

test('the sample is the share asked for, always the same stations, and grows with the share', () => {
  const stations = Array.from({ length: 5000 }, (_, place) => `station-${place}`)
  const sampled = (share: number): string[] =>
    stations.filter((station_id) => isSampled({ system: 'town', station_id, share }))
  expect(sampled(0)).toEqual([])
  expect(sampled(1)).toEqual(stations)
  expect(sampled(0.02).length / stations.length).toBeCloseTo(0.02, 2)
  expect(sampled(0.02)).toEqual(sampled(0.02))
  expect(new Set(sampled(0.1)).isSupersetOf(new Set(sampled(0.02)))).toBe(true)
})
