import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseStatus } from '../../../services/domain/gbfs/status.ts'
import { parseVehicleTypes } from '../../../services/domain/gbfs/vehicle-types.ts'
import type { StationState } from '../../../services/domain/status.ts'

const feed = (stations: unknown[], top: object = {}): unknown => ({
  last_updated: 1_700_000_000,
  ttl: 60,
  data: { stations },
  ...top,
})
const plain = { station_id: 'a', num_bikes_available: 3, num_docks_available: 4 }

function only(station: unknown): StationState {
  const { stations, refused } = parseStatus(feed([station]))
  expect(refused).toEqual([])
  expect(stations).toHaveLength(1)
  return stations[0]!
}

function refusal(station: unknown): string | undefined {
  const { stations, refused } = parseStatus(feed([plain, station]))
  expect(stations.map(({ station_id }) => station_id)).toEqual(['a'])
  expect(refused).toHaveLength(1)
  expect(refused[0]?.raw).toEqual(station)
  return refused[0]?.reason
}

describe('a station is read alike from every version', () => {
  test('the counts, flags and times of 1.x, 2.x and 3.0 give one state', () => {
    const state = {
      station_id: 'b',
      bikes: 5,
      docks: 7,
      mechanical: 0,
      ebike: 0,
      bikes_disabled: 1,
      docks_disabled: 2,
      is_installed: true,
      is_renting: true,
      is_returning: false,
      status: 'CLOSED',
      last_reported: 1_699_999_990_000,
    }
    const common = { station_id: 'b', num_docks_available: 7, num_docks_disabled: 2 }
    const bikes = { num_bikes_available: 5, num_bikes_disabled: 1 }
    expect(
      only({
        ...common,
        ...bikes,
        is_installed: 1,
        is_renting: 1,
        is_returning: 0,
        last_reported: 1_699_999_990,
      }),
    ).toEqual(state)
    expect(
      only({
        ...common,
        ...bikes,
        is_installed: true,
        is_renting: true,
        is_returning: false,
        last_reported: 1_699_999_990,
      }),
    ).toEqual(state)
    expect(
      only({
        ...common,
        num_vehicles_available: 5,
        num_vehicles_disabled: 1,
        is_installed: true,
        is_renting: true,
        is_returning: false,
        last_reported: '2023-11-14T22:13:10.000Z',
      }),
    ).toEqual(state)
  })

  test('numeric ids of any length become text, and leading zeros stay', () => {
    expect(only({ ...plain, station_id: 20_702_783_198 }).station_id).toBe('20702783198')
    expect(only({ ...plain, station_id: '006' }).station_id).toBe('006')
  })

  test('absent flags are true, absent optional counts are null', () => {
    expect(only({ station_id: 'a', num_bikes_available: 0 })).toMatchObject({
      docks: null,
      bikes_disabled: null,
      docks_disabled: null,
      is_installed: true,
      is_renting: true,
      is_returning: true,
      status: 'OK',
      last_reported: null,
    })
  })

  test('the status word is the feed’s own unless it is absent or empty, and is_installed has no part in it', () => {
    expect(only({ ...plain, station_status: 'out_of_service', is_renting: 1 }).status).toBe('out_of_service')
    expect(only({ ...plain, station_status: '', is_renting: 0 }).status).toBe('CLOSED')
    expect(only({ ...plain, is_returning: false }).status).toBe('CLOSED')
    expect(only({ ...plain, is_installed: 0 }).status).toBe('OK')
  })

  test('last_reported is taken from 1970 and in milliseconds too', () => {
    expect(only({ ...plain, last_reported: 86_400 }).last_reported).toBe(86_400_000)
    expect(only({ ...plain, last_reported: 1_699_999_990_000 }).last_reported).toBe(1_699_999_990_000)
    expect(only({ ...plain, last_reported: '2026-10-09T09:38:28.628Z' }).last_reported).toBe(
      Date.UTC(2026, 9, 9, 9, 38, 28, 628),
    )
    expect(only({ ...plain, last_reported: null }).last_reported).toBeNull()
  })

  test('published time is last_updated or lastUpdatedOther, null when zero or unreadable', () => {
    const published = (top: object) => parseStatus({ data: { stations: [plain] }, ...top }).published_utc
    expect(published({ last_updated: 1_700_000_000 })).toBe(1_700_000_000_000)
    expect(published({ lastUpdatedOther: 1_700_000_000 })).toBe(1_700_000_000_000)
    expect(published({ last_updated: '2026-10-09T09:39:47+02:00' })).toBe(Date.UTC(2026, 9, 9, 7, 39, 47))
    for (const last_updated of [0, 'soon', null, -5, {}]) expect(published({ last_updated })).toBeNull()
  })
})

describe('bikes are split into kinds by the first source that tells', () => {
  const types = parseVehicleTypes({
    data: {
      vehicle_types: [
        { vehicle_type_id: 'classic', form_factor: 'bicycle', propulsion_type: 'human' },
        { vehicle_type_id: 'cargo', form_factor: 'cargo_bicycle', propulsion_type: 'electric_assist' },
        { vehicle_type_id: 'kick', form_factor: 'scooter_standing', propulsion_type: 'electric' },
        { vehicle_type_id: 'half' },
      ],
    },
  }).types
  const split = (station: object): Partial<StationState> => {
    const [state] = parseStatus(feed([{ ...plain, ...station }]), { vehicleTypes: types }).stations
    return { bikes: state!.bikes, mechanical: state!.mechanical, ebike: state!.ebike }
  }

  test('one-key objects are merged, a plain object is taken, a missing kind counts 0', () => {
    const typed = (num_bikes_available_types: unknown) => split({ num_bikes_available_types })
    expect(typed([{ mechanical: 1 }, { ebike: 2 }])).toEqual({ bikes: 3, mechanical: 1, ebike: 2 })
    expect(typed({ ebike: 3 })).toEqual({ bikes: 3, mechanical: 0, ebike: 3 })
    expect(typed([])).toEqual({ bikes: 3, mechanical: 0, ebike: 0 })
  })

  test('the rest of num_ebikes_available is mechanical, never negative', () => {
    expect(split({ num_ebikes_available: 2 })).toEqual({ bikes: 3, mechanical: 1, ebike: 2 })
    expect(split({ num_ebikes_available: 9 })).toEqual({ bikes: 3, mechanical: 0, ebike: 9 })
  })

  test('known vehicle types split the count and take what is no bike out of it', () => {
    const vehicle_types_available = [
      { vehicle_type_id: 'classic', count: 1 },
      { vehicle_type_id: 'cargo', count: 1 },
      { vehicle_type_id: 'kick', count: 1 },
      { vehicle_type_id: 'unheard', count: 0 },
    ]
    expect(split({ vehicle_types_available })).toEqual({ bikes: 2, mechanical: 1, ebike: 1 })
  })

  test('one unknown type with vehicles leaves the split untold: 0 and 0, and the count whole', () => {
    for (const vehicle_type_id of ['unheard', 'half']) {
      const vehicle_types_available = [
        { vehicle_type_id: 'classic', count: 1 },
        { vehicle_type_id, count: 2 },
      ]
      expect(split({ vehicle_types_available })).toEqual({ bikes: 3, mechanical: 0, ebike: 0 })
    }
  })
})

describe('a bad station is refused with its reason and the rest goes on', () => {
  test.each([
    ['station_not_an_object', 7],
    ['station_not_an_object', null],
    ['station_id_missing', { num_bikes_available: 1 }],
    ['station_id_missing', { ...plain, station_id: ' ' }],
    ['station_id_invalid', { ...plain, station_id: 1.5 }],
    ['station_id_invalid', { ...plain, station_id: 'a\nb' }],
    ['station_id_invalid', { ...plain, station_id: 'x'.repeat(201) }],
    ['station_id_invalid', { ...plain, station_id: ['a'] }],
    ['count_missing', { station_id: 'b' }],
    ['count_missing', { station_id: 'b', num_bikes_available: null }],
    ['count_negative', { ...plain, station_id: 'b', num_bikes_available: -1 }],
    ['count_negative', { ...plain, station_id: 'b', num_docks_disabled: -3 }],
    ['count_negative', { ...plain, station_id: 'b', vehicle_types_available: [{ count: -1 }] }],
    ['count_not_whole', { ...plain, station_id: 'b', num_docks_available: 2.5 }],
    ['count_not_whole', { ...plain, station_id: 'b', num_bikes_available: 'many' }],
    ['count_not_whole', { ...plain, station_id: 'b', num_bikes_available_types: [4] }],
    ['count_out_of_range', { ...plain, station_id: 'b', num_bikes_available: 1e9 }],
    ['flag_invalid', { ...plain, station_id: 'b', is_renting: 2 }],
    ['flag_invalid', { ...plain, station_id: 'b', is_installed: 'perhaps' }],
    ['last_reported_invalid', { ...plain, station_id: 'b', last_reported: 'yesterday' }],
    ['last_reported_invalid', { ...plain, station_id: 'b', last_reported: -1 }],
  ])('%s', (reason, station) => {
    expect(refusal(station)).toBe(reason)
  })

  test('a refusal names its station and the offending value', () => {
    const { refused } = parseStatus(feed([plain, { ...plain, station_id: 'b', num_docks_available: -7 }]))
    expect(refused[0]).toMatchObject({ station_id: 'b' })
    expect(refused[0]?.message).toContain('num_docks_available')
    expect(refused[0]?.message).toMatch(/got -7$/)
  })
})

describe('one state is kept for a station that is named more than once', () => {
  const candidate = fc.record({
    station_id: fc.constantFrom('a', 'b', 'c'),
    num_bikes_available: fc.nat({ max: 3 }),
    num_docks_available: fc.nat({ max: 3 }),
    last_reported: fc.nat({ max: 2 }),
    is_renting: fc.boolean(),
  })

  test('the choice does not depend on the order in the file, and every other one is refused', () => {
    fc.assert(
      fc.property(fc.array(candidate, { minLength: 1, maxLength: 12 }), fc.integer(), (stations, seed) => {
        const shuffled = stations
          .map((station, index) => ({ station, rank: Math.sin(seed + index) }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ station }) => station)
        const byId = (rows: StationState[]) =>
          [...rows].sort((a, b) => (a.station_id < b.station_id ? -1 : 1))
        const one = parseStatus(feed(stations))
        const other = parseStatus(feed(shuffled))
        expect(byId(other.stations)).toEqual(byId(one.stations))
        expect(one.stations.length + one.refused.length).toBe(stations.length)
        expect(one.refused.every(({ reason }) => reason === 'station_duplicate')).toBe(true)
      }),
    )
  })

  test('the newest report wins before the content does', () => {
    const newest = { ...plain, num_bikes_available: 0, last_reported: 20 }
    const { stations } = parseStatus(feed([newest, { ...plain, num_bikes_available: 9, last_reported: 10 }]))
    expect(stations).toMatchObject([{ bikes: 0 }])
  })
})

describe('an answer that is no status is refused whole', () => {
  test.each([
    ['feed_malformed', null],
    ['feed_malformed', []],
    ['feed_malformed', 'Not Found'],
    ['feed_malformed', { data: [] }],
    ['feed_malformed', { data: { stations: {} } }],
    ['feed_malformed', { version: '3.1', data: { bikes: [] } }],
    ['feed_version_unknown', { version: '4.0', payload: {} }],
    ['feed_version_unknown', { version: '4.0', data: { hubs: [] } }],
    ['feed_no_stations', { data: { stations: [] } }],
  ])('%s', (code, json) => {
    expect(() => parseStatus(json)).toThrow(expect.objectContaining({ code }))
  })

  test('whatever JSON comes, it is read or refused with a code', () => {
    const station = fc.record(
      {
        station_id: fc.jsonValue(),
        num_bikes_available: fc.jsonValue(),
        is_renting: fc.jsonValue(),
        last_reported: fc.jsonValue(),
        num_bikes_available_types: fc.jsonValue(),
        vehicle_types_available: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(
        fc.array(fc.oneof(station, fc.jsonValue()), { minLength: 1 }),
        fc.jsonValue(),
        (stations, top) => {
          const answer = parseStatus({ last_updated: top, ttl: top, version: top, data: { stations } })
          expect(answer.stations.length + answer.refused.length).toBe(stations.length)
          for (const { bikes, last_reported } of answer.stations) {
            expect(Number.isInteger(bikes) && bikes! >= 0).toBe(true)
            expect(last_reported === null || Number.isInteger(last_reported)).toBe(true)
          }
        },
      ),
    )
  })
})

test('a version that is not stated is told by the shape', () => {
  const version = (station: object, top: object = {}) =>
    parseStatus(feed([{ ...plain, ...station }], top)).version
  expect(version({ is_renting: 1 })).toBe('1.x')
  expect(version({ is_renting: true })).toBe('2.x')
  expect(version({ vehicle_types_available: [] })).toBe('2.x')
  expect(version({}, { last_updated: '2026-10-09T09:39:47Z' })).toBe('3.0')
  expect(version({ is_renting: 1 }, { version: '2.3' })).toBe('2.3')
})
