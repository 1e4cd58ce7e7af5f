import { describe, expect, test } from 'vitest'
import { parseOpenMeteo, weatherAddress } from '../../services/domain/open-meteo.ts'
import { NEEDS_RECORDED, RECORDED, recordedJson } from './gbfs/recorded.ts'

const UNITS = { time: 'iso8601', temperature_2m: '°C', precipitation: 'mm', wind_speed_10m: 'm/s' }
const HOURLY = {
  time: ['2024-11-05T08:00', '2024-11-05T09:00'],
  temperature_2m: [10.5, null],
  precipitation: [0, 1.2],
  wind_speed_10m: [3, 4],
}
const answer = (units: object = {}, more: object = {}): unknown => ({
  utc_offset_seconds: 0,
  hourly_units: { ...UNITS, ...units },
  hourly: HOURLY,
  ...more,
})
const parse = (json: unknown) => parseOpenMeteo({ json, system: 's', point: '48.85,2.35', issuedUtc: 7 })
const first = (json: unknown) => parse(json).hours[0]

describe('weather', () => {
  test('hours, values and nulls are read as they are in our units', () => {
    expect(parse(answer())).toEqual({
      system: 's',
      point: '48.85,2.35',
      issued_utc: 7,
      hours: [
        { hour_utc: Date.UTC(2024, 10, 5, 8), temp_C: 10.5, precip_mm: 0, wind_mps: 3 },
        { hour_utc: Date.UTC(2024, 10, 5, 9), temp_C: null, precip_mm: 1.2, wind_mps: 4 },
      ],
    })
  })

  test.each([
    ['km/h', 3 / 3.6],
    ['mp/h', 3 * 0.44704],
    ['mph', 3 * 0.44704],
    ['kn', (3 * 1852) / 3600],
    ['m/s', 3],
  ])('wind in %s is converted because the answer says so', (wind_speed_10m, expected) => {
    expect(first(answer({ wind_speed_10m }))?.wind_mps).toBe(expected)
  })

  test('°F, inches and centimetres are converted', () => {
    expect(first(answer({ temperature_2m: '°F' }))?.temp_C).toBeCloseTo(((10.5 - 32) * 5) / 9, 12)
    expect(parse(answer({ precipitation: 'inch' })).hours[1]?.precip_mm).toBeCloseTo(30.48, 12)
    expect(parse(answer({ precipitation: 'cm' })).hours[1]?.precip_mm).toBe(12)
  })

  test.each([
    [{ wind_speed_10m: 'furlong/day' }],
    [{ wind_speed_10m: undefined }],
    [{ wind_speed_10m: 'toString' }],
    [{ temperature_2m: 'R' }],
    [{ precipitation: '%' }],
    [{ time: 'stardate' }],
  ])('a unit that is unknown or not stated is refused: %o', (units) => {
    expect(() => parse(answer(units))).toThrow(expect.objectContaining({ code: 'weather_unit' }))
  })

  test('local hours are brought to UTC, unix times are UTC already', () => {
    const local = answer({}, { utc_offset_seconds: 7200 })
    expect(first(local)?.hour_utc).toBe(Date.UTC(2024, 10, 5, 6))
    const unix = answer(
      { time: 'unixtime' },
      { utc_offset_seconds: 7200, hourly: { ...HOURLY, time: [1_730_793_600, 1_730_797_200] } },
    )
    expect(first(unix)?.hour_utc).toBe(Date.UTC(2024, 10, 5, 8))
  })

  test.each([
    [null],
    [{ error: true, reason: 'Invalid timezone' }],
    [{ hourly: HOURLY }],
    [answer({}, { hourly: { ...HOURLY, time: [] } })],
    [answer({}, { hourly: { ...HOURLY, time: ['noon', 'one'] } })],
    [answer({}, { hourly: { ...HOURLY, precipitation: [1] } })],
    [answer({}, { utc_offset_seconds: 19_800 })],
    [answer({}, { utc_offset_seconds: 'two' })],
  ])('what is no hourly answer is malformed (%#)', (json) => {
    expect(() => parse(json)).toThrow(expect.objectContaining({ code: 'weather_malformed' }))
  })

  test('the request asks for m/s, UTC, two days back and two ahead', () => {
    const url = new URL(weatherAddress({ base: 'https://w.org/v1/forecast?apikey=1', lat: 48.8566, lon: -2 }))
    expect(Object.fromEntries(url.searchParams)).toEqual({
      apikey: '1',
      latitude: '48.8566',
      longitude: '-2',
      hourly: 'temperature_2m,precipitation,wind_speed_10m',
      wind_speed_unit: 'ms',
      past_days: '2',
      forecast_days: '2',
      timezone: 'UTC',
    })
  })

  test.skipIf(RECORDED === null)(`a real answer in km/h and Paris time${NEEDS_RECORDED}`, () => {
    const report = parse(recordedJson('fixtures/open-meteo/forecast_paris_20240817_hourly.json'))
    expect(report.hours[0]).toEqual({
      hour_utc: Date.UTC(2024, 7, 16, 22),
      temp_C: 22.9,
      precip_mm: 0,
      wind_mps: 4.8 / 3.6,
    })
  })
})
