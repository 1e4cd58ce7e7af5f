import fc from 'fast-check'
import type { Observation } from '../../../services/domain/observation.ts'
import { POLL_OUTCOMES, type PollRecord } from '../../../services/domain/poll.ts'
import type { WindowUpdate } from '../../../services/domain/window.ts'

const LATEST = Date.UTC(2100, 0, 1)
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const time = fc.integer({ min: -LATEST, max: LATEST })
const count = fc.integer({ min: 0, max: 2 ** 31 - 1 })
const degrees = fc.double({ min: -180, max: 180, noNaN: true })
const single = fc.float({ noNaN: true, noDefaultInfinity: true })
const nullable = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null })

/** Any observation that its schema can hold. */
export const arbitraryObservation: fc.Arbitrary<Observation> = fc.record(
  {
    system: text,
    station_id: text,
    poll_id: text,
    poll_index: count,
    poll_count: count,
    ts_utc: time,
    fetched_utc: time,
    published_utc: nullable(time),
    last_reported: nullable(time),
    bikes: nullable(count),
    docks: nullable(count),
    mechanical: count,
    ebike: count,
    bikes_disabled: nullable(count),
    docks_disabled: nullable(count),
    is_installed: fc.boolean(),
    is_renting: fc.boolean(),
    is_returning: fc.boolean(),
    status: text,
    capacity: nullable(count),
    lat: nullable(degrees),
    lon: nullable(degrees),
    name: nullable(text),
    temp_C: nullable(single),
    precip_mm: nullable(single),
    wind_mps: nullable(single),
    weather_hour: nullable(time),
    weather_issued: nullable(time),
  },
  { noNullPrototype: true },
)

export const arbitraryPollRecord: fc.Arbitrary<PollRecord> = fc.record(
  {
    system: text,
    poll_id: text,
    outcome: fc.constantFrom(...POLL_OUTCOMES),
    reason: nullable(text),
    rows: count,
    refused: fc.dictionary(fc.constantFrom('count_missing', 'flag_invalid', 'station_duplicate'), count, {
      noNullPrototype: true,
    }),
    ts_utc: nullable(time),
    ts_source: fc.constantFrom('published', 'fetched_absent', 'fetched_ahead', 'none'),
    published_utc: nullable(time),
    fetched_utc: time,
    duration_ms: nullable(fc.double({ noNaN: true, noDefaultInfinity: true })),
    source: fc.constantFrom('live', 'replay', 'simulate'),
    ttl_s: nullable(count),
    gbfs_version: nullable(text),
  },
  { noNullPrototype: true },
)

export const arbitraryWindowUpdate: fc.Arbitrary<WindowUpdate> = fc.record(
  {
    system: text,
    poll_id: text,
    outcome: fc.constantFrom(...POLL_OUTCOMES),
    source: text,
    tbin_utc: time,
    ts_utc: time,
    fetched_utc: time,
    station_ids: fc.array(text, { maxLength: 5 }),
    names: fc.array(nullable(text), { maxLength: 5 }),
    lats: fc.array(nullable(degrees), { maxLength: 5 }),
    lons: fc.array(nullable(degrees), { maxLength: 5 }),
    slots: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
)

/** A sound observation of system velib, to be changed in one way by a test. */
export function observation(changes: Partial<Observation> = {}): Observation {
  return {
    system: 'velib',
    station_id: '16107',
    poll_id: 'velib-2024-11-01T00:00:00Z',
    poll_index: 0,
    poll_count: 1,
    ts_utc: Date.UTC(2024, 10, 1),
    fetched_utc: Date.UTC(2024, 10, 1, 0, 0, 3),
    published_utc: Date.UTC(2024, 10, 1),
    last_reported: null,
    bikes: 5,
    docks: 20,
    mechanical: 3,
    ebike: 2,
    bikes_disabled: null,
    docks_disabled: null,
    is_installed: true,
    is_renting: true,
    is_returning: true,
    status: 'OK',
    capacity: 35,
    lat: 48.8659,
    lon: 2.2758,
    name: 'Benjamin Godard',
    temp_C: 12.5,
    precip_mm: 0,
    wind_mps: 3.25,
    weather_hour: Date.UTC(2024, 10, 1),
    weather_issued: Date.UTC(2024, 9, 31, 23),
    ...changes,
  }
}

/** The poll record that ends a poll of `observation`. */
export function pollRecord(changes: Partial<PollRecord> = {}): PollRecord {
  return {
    system: 'velib',
    poll_id: 'velib-2024-11-01T00:00:00Z',
    outcome: 'ok',
    reason: null,
    rows: 1,
    refused: {},
    ts_utc: Date.UTC(2024, 10, 1),
    ts_source: 'published',
    published_utc: Date.UTC(2024, 10, 1),
    fetched_utc: Date.UTC(2024, 10, 1, 0, 0, 3),
    duration_ms: 120,
    source: 'live',
    ttl_s: 60,
    gbfs_version: '2.3',
    ...changes,
  }
}
