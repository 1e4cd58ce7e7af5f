import fc from 'fast-check'
import { BIN_MS } from '../../services/domain/bin.ts'
import type { Observation } from '../../services/domain/observation.ts'

/** A bin's start that all tests of windows count from. */
export const BIN = 1_730_800_800_000

/** An observation of an ordinary station, `more` laid over it. */
export function observation(more: Partial<Observation> = {}): Observation {
  const ts_utc = more.ts_utc ?? BIN + 30_000
  return {
    system: 'town',
    station_id: 'a',
    poll_id: `poll-${ts_utc}`,
    poll_index: 0,
    poll_count: 1,
    ts_utc,
    fetched_utc: ts_utc + 12_000,
    published_utc: ts_utc,
    last_reported: null,
    bikes: 4,
    docks: 26,
    mechanical: 3,
    ebike: 1,
    bikes_disabled: 0,
    docks_disabled: null,
    is_installed: true,
    is_renting: true,
    is_returning: true,
    status: 'OK',
    capacity: 30,
    lat: 48.85,
    lon: 2.35,
    name: 'Gare',
    temp_C: null,
    precip_mm: null,
    wind_mps: null,
    weather_hour: null,
    weather_issued: null,
    ...more,
  }
}

/** Observations of few stations over some 90 bins, with ties of time and fetch, late and repeated ones. */
export const anyObservation: fc.Arbitrary<Observation> = fc
  .record({
    station_id: fc.constantFrom('a', 'b', 'c'),
    bin: fc.integer({ min: -10, max: 80 }),
    within: fc.constantFrom(0, 1, 299_999),
    delay: fc.constantFrom(0, 5_000, 400_000),
    bikes: fc.option(fc.integer({ min: 0, max: 60 })),
    name: fc.constantFrom('Gare', 'Gare du Nord', null),
    lat: fc.constantFrom(48.85, 48.86, null),
    temp_C: fc.constantFrom(null, -3.5, 20.25),
  })
  .map(({ bin, within, delay, ...more }) => {
    const ts_utc = BIN + bin * BIN_MS + within
    return observation({ ...more, ts_utc, fetched_utc: ts_utc + delay })
  })
