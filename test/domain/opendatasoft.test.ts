import { describe, expect, test } from 'vitest'
import { isOpendatasoft, parseOpendatasoft } from '../../services/domain/opendatasoft.ts'

const row = {
  stationcode: '16107',
  numbikesavailable: 4,
  numdocksavailable: 9,
  is_installed: 'OUI',
  is_renting: 'OUI',
  is_returning: 'NON',
  duedate: '2024-11-05T08:00:28+01:00',
}

describe('the export', () => {
  test('its three wrappings give the same answer', () => {
    const bare = parseOpendatasoft([row])
    expect(parseOpendatasoft({ results: [row] })).toEqual(bare)
    expect(parseOpendatasoft({ records: [{ fields: row }] })).toEqual(bare)
    expect(bare.stations[0]).toMatchObject({
      status: 'CLOSED',
      is_returning: false,
      last_reported: Date.UTC(2024, 10, 5, 7, 0, 28),
    })
  })

  test('keys that are absent are null, whatever their absence looks like', () => {
    const whole = parseOpendatasoft([{ ...row, name: null, capacity: null, coordonnees_geo: null }])
    expect(parseOpendatasoft([row])).toEqual(whole)
    expect(whole.information).toEqual([
      { station_id: '16107', name: null, lat: null, lon: null, capacity: null, region_id: null },
    ])
  })

  test('a row without stationcode is refused and the rest goes on', () => {
    const { stations, refused } = parseOpendatasoft([
      { ...row, stationcode: null },
      row,
      { ...row, stationcode: '2', is_renting: 'OUAIS' },
    ])
    expect(stations).toHaveLength(1)
    expect(refused.map(({ reason, station_id }) => [reason, station_id])).toEqual([
      ['station_id_missing', null],
      ['flag_invalid', '2'],
    ])
  })

  test('a station in two rows is kept once', () => {
    const { stations, refused } = parseOpendatasoft([
      row,
      { ...row, duedate: '2024-11-05T08:01:00+01:00', numbikesavailable: 1 },
    ])
    expect(stations).toMatchObject([{ bikes: 1 }])
    expect(refused).toMatchObject([{ reason: 'station_duplicate', raw: row }])
  })

  test.each([
    ['feed_malformed', {}],
    ['feed_malformed', 'x'],
    ['feed_malformed', [{ id: 1 }]],
    ['feed_no_stations', []],
    ['feed_no_stations', { results: [] }],
  ])('%s', (code, json) => {
    expect(() => parseOpendatasoft(json)).toThrow(expect.objectContaining({ code }))
  })

  test('it is told apart from GBFS by its shape', () => {
    expect(isOpendatasoft([row])).toBe(true)
    expect(isOpendatasoft({ data: { stations: [{ station_id: 1 }] } })).toBe(false)
    expect(isOpendatasoft(null)).toBe(false)
  })
})
