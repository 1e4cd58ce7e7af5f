import { describe, expect, test } from 'vitest'
import { BIN_MS } from '../../services/domain/bin.ts'
import {
  BIKE_LAGS,
  CORE_FEATURES,
  computeFeatures,
  featureLags,
  featuresHash,
  unknownFeatures,
} from '../../services/domain/features.ts'
import type { Observation } from '../../services/domain/observation.ts'
import type { Window } from '../../services/domain/ring.ts'
import { packSlot, readSlot } from '../../services/domain/slot.ts'
import { BIN, observation } from './observations.ts'

const station = { name: null, lat: null, lon: null }
const slot = (more: Partial<Observation> = {}) => readSlot(packSlot(observation(more)))
function window(now: Partial<Observation>, bikesByLag: Record<number, number> = {}): Window {
  const slots = new Array(49).fill(null)
  slots[0] = slot(now)
  for (const [lag, bikes] of Object.entries(bikesByLag)) {
    slots[Number(lag)] = slot({ ts_utc: BIN - Number(lag) * BIN_MS, bikes })
  }
  return { tbin_utc: BIN, slots }
}
const compute = (given: Window, names: readonly string[] = CORE_FEATURES): Record<string, number> => {
  const values = computeFeatures({ window: given, station, names })
  return Object.fromEntries(names.map((name, place) => [name, values[place]!]))
}

describe('features', () => {
  test('the core set at T: counts, occupancy, service, weather and time-exact lags', () => {
    const lags = Object.fromEntries(BIKE_LAGS.map((lag) => [lag, 100 + lag]))
    expect(compute(window({ bikes: 9, docks: 20, mechanical: 6, ebike: 3, temp_C: 7.5 }, lags))).toEqual({
      bikes: 9,
      docks: 20,
      capacity: 30,
      mechanical: 6,
      ebike: 3,
      occ_ratio: Math.fround(0.3),
      in_service: 1,
      temp_C: 7.5,
      precip_mm: Number.NaN,
      wind_mps: Number.NaN,
      bikes_lag1: 101,
      bikes_lag2: 102,
      bikes_lag3: 103,
      bikes_lag6: 106,
      bikes_lag12: 112,
      bikes_lag24: 124,
      bikes_lag36: 136,
      bikes_lag48: 148,
    })
  })

  test('a missing bin is NaN at its lag; the row before it is never taken instead', () => {
    expect(compute(window({}, { 2: 8 }), ['bikes_lag1', 'bikes_lag2'])).toEqual({
      bikes_lag1: Number.NaN,
      bikes_lag2: 8,
    })
  })

  test('occupancy without a capacity, or of none, is unknown; above 1 it stays', () => {
    expect(compute(window({ capacity: null }), ['occ_ratio']).occ_ratio).toBeNaN()
    expect(compute(window({ capacity: 0 }), ['occ_ratio']).occ_ratio).toBeNaN()
    expect(compute(window({ bikes: 45 }), ['occ_ratio']).occ_ratio).toBe(1.5)
  })

  test('an empty station of a feed that says renting only when bikes are there is in service', () => {
    expect(compute(window({ bikes: 0, is_renting: false }), ['in_service']).in_service).toBe(1)
    expect(compute(window({ is_installed: false }), ['in_service']).in_service).toBe(0)
    expect(compute(window({ status: 'CLOSED' }), ['in_service']).in_service).toBe(0)
  })

  test('history is asked for only where a lag needs it', () => {
    expect(featureLags(['bikes', 'docks', 'temp_C'])).toEqual([0])
    expect(featureLags(['bikes_lag12', 'bikes', 'bikes_lag1'])).toEqual([0, 1, 12])
  })

  test('the hash knows the order; names that nothing computes are told', () => {
    expect(featuresHash(['bikes', 'docks'])).not.toBe(featuresHash(['docks', 'bikes']))
    expect(featuresHash(['bikes', 'docks'])).toMatch(/^[0-9a-f]{16}$/)
    expect(unknownFeatures(['bikes', 'moon'])).toEqual(['moon'])
    expect(() => compute(window({}), ['moon'])).toThrow(/feature must be one of .* got moon/)
  })
})
