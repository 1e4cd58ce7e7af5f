import { describe, expect, test } from 'vitest'
import { DAY_MS, HOUR_MS } from '../../services/domain/bin.ts'
import { enrichPoll, WEATHER_AGE_LIMIT_MS, weatherOf } from '../../services/domain/enrich.ts'
import type { StationState } from '../../services/domain/status.ts'
import { NO_WEATHER } from '../../services/domain/weather.ts'

const TS = Date.UTC(2024, 10, 5, 8, 3)
const state = (station_id: string, last_reported: number | null = TS): StationState => ({
  station_id,
  bikes: 1,
  docks: 2,
  mechanical: 1,
  ebike: 0,
  bikes_disabled: null,
  docks_disabled: null,
  is_installed: true,
  is_renting: true,
  is_returning: true,
  status: 'OK',
  last_reported,
})
const report = {
  system: 's',
  point: '0,0',
  issued_utc: TS - HOUR_MS,
  hours: [{ hour_utc: Date.UTC(2024, 10, 5, 8), temp_C: 10.1, precip_mm: 0, wind_mps: null }],
}
const enrich = (stations: StationState[], weather: typeof report | null = report) =>
  enrichPoll({
    system: 's',
    pollId: 'p',
    time: { ts_utc: TS, ts_source: 'published', fetched_utc: TS + 1000 },
    publishedUtc: TS,
    stations,
    descriptions: new Map([
      ['a', { station_id: 'a', name: 'A', lat: 1, lon: 2, capacity: 3, region_id: null }],
    ]),
    weather,
  })

describe('enrichment', () => {
  test('a station without a description is kept with nulls', () => {
    const { observations } = enrich([state('a'), state('lost')])
    expect(observations.map(({ name, lat, lon, capacity }) => [name, lat, lon, capacity])).toEqual([
      ['A', 1, 2, 3],
      [null, null, null, null],
    ])
  })

  test('index and count number what is published, not what was refused', () => {
    const { observations, refused } = enrich([state('ahead', TS + 2 * DAY_MS), state('a'), state('b', null)])
    expect(
      observations.map(({ station_id, poll_index, poll_count }) => [station_id, poll_index, poll_count]),
    ).toEqual([
      ['a', 0, 2],
      ['b', 1, 2],
    ])
    expect(refused).toMatchObject([{ reason: 'last_reported_far_ahead', station_id: 'ahead' }])
  })

  test('weather is that of the bin’s hour in single precision, or null throughout', () => {
    expect(enrich([state('a')]).observations[0]).toMatchObject({
      temp_C: Math.fround(10.1),
      precip_mm: 0,
      wind_mps: null,
      weather_hour: Date.UTC(2024, 10, 5, 8),
      weather_issued: TS - HOUR_MS,
    })
    expect(enrich([state('a')], null).observations[0]).toMatchObject(NO_WEATHER)
  })

  test('a report is used up to a day after its issue, even where its hours reach further', () => {
    expect(weatherOf({ ...report, issued_utc: TS - WEATHER_AGE_LIMIT_MS }, TS).temp_C).not.toBeNull()
    expect(weatherOf({ ...report, issued_utc: TS - WEATHER_AGE_LIMIT_MS - 1 }, TS)).toEqual(NO_WEATHER)
    expect(weatherOf({ ...report, issued_utc: TS + 30 * DAY_MS }, TS).temp_C).not.toBeNull()
  })
})
