import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inferredNameZone, nameZone, timeInName } from '../../../services/ingest/replay/name-time.ts'

const MINUTE = 60_000

describe('time in a file name', () => {
  test.each([
    ['station_status_20230509T070655Z.json.gz', '2023-05-09T07:06:55Z', true],
    ['velib_20241105T0755Z.json.gz', '2024-11-05T07:55:00Z', true],
    ['2022_06_29_00_00_23.json', '2022-06-29T00:00:23Z', false],
    ['ecobici_station_status_20240412140435.404-body.json', '2024-04-12T14:04:35Z', false],
    ['velib_ods_20241104_100002_fields_missing.json.gz', '2024-11-04T10:00:02Z', false],
    ['status-2024-11-05T07:55:01+01:00.json', '2024-11-05T06:55:01Z', true],
    ['status-2024-11-05 07-55-01-0500.json', '2024-11-05T12:55:01Z', true],
    ['status.1683615996.json', '2023-05-09T07:06:36Z', true],
    ['status.1683615996123.json', '2023-05-09T07:06:36.123Z', true],
  ])('%s is %s', (name, time, zoned) => {
    expect(timeInName(name)).toEqual({ wall: Date.parse(time), zoned })
  })

  test.each([
    'station_status.json',
    'station_status.20251018.json',
    '20241305T0755Z.json',
    '20240231T0755Z.json',
    '2024_11_05_25_00.json',
  ])('%s states none', (name) => {
    expect(timeInName(name)).toBeNull()
  })

  test('a time written in any of the usual ways is read back', () => {
    const separators = fc.constantFrom('', '-', '_')
    fc.assert(
      fc.property(
        fc.integer({ min: 946_684_800, max: 4_000_000_000 }),
        separators,
        separators,
        (epoch, day, time) => {
          const [date, clock] = new Date(epoch * 1000).toISOString().slice(0, 19).split('T') as [
            string,
            string,
          ]
          const name = `status_${date.replaceAll('-', day)}T${clock.replaceAll(':', time)}.json`
          expect(timeInName(name)?.wall).toBe(epoch * 1000)
        },
      ),
    )
  })
})

describe('zone of names that state none', () => {
  const wall = Date.parse('2022-06-29T00:00:23Z')

  test.each([
    ['UTC', '2022-06-29T00:00:23Z'],
    ['+09:00', '2022-06-28T15:00:23Z'],
    ['-0330', '2022-06-29T03:30:23Z'],
    ['Asia/Tokyo', '2022-06-28T15:00:23Z'],
    ['Europe/Paris', '2022-06-28T22:00:23Z'],
  ])('is %s when said so', (zone, expected) => {
    expect(nameZone(zone)(wall)).toBe(Date.parse(expected))
  })

  test('follows the clock changes of an IANA zone', () => {
    const paris = nameZone('Europe/Paris')
    expect(paris(Date.parse('2024-01-15T12:00:00Z'))).toBe(Date.parse('2024-01-15T11:00:00Z'))
    expect(paris(Date.parse('2024-07-15T12:00:00Z'))).toBe(Date.parse('2024-07-15T10:00:00Z'))
  })

  test('that is none is refused with its code', () => {
    expect(() => nameZone('Mars/Olympus')).toThrow(expect.objectContaining({ code: 'config_invalid' }))
  })

  test('is told from published times, for any quarter hour and a fetch within 13 minutes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -48, max: 56 }),
        fc.array(fc.integer({ min: -2 * MINUTE, max: 13 * MINUTE - 1 }), { minLength: 1, maxLength: 5 }),
        (quarters, delays) => {
          const offset = quarters * 15 * MINUTE
          const samples = delays.map((delay, place) => {
            const published_utc = wall + place * 60 * MINUTE
            return { wall: published_utc + delay + offset, published_utc }
          })
          expect(inferredNameZone(samples)(wall)).toBe(wall - offset)
        },
      ),
    )
  })

  test('is UTC where no file states a published time', () => {
    expect(inferredNameZone([{ wall, published_utc: null }])(wall)).toBe(wall)
  })

  test('is refused when the files disagree', () => {
    const samples = [0, 2, 5].map((hours) => ({ wall: wall + hours * 60 * MINUTE, published_utc: wall }))
    expect(() => inferredNameZone(samples)).toThrow(expect.objectContaining({ code: 'replay_unreadable' }))
  })
})
