import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HOUR_MS } from '../../services/domain/bin.ts'
import {
  hourOfWeek,
  isTimezone,
  localDayName,
  localDayOfWeek,
  localHour,
  localOffset,
  localTime,
} from '../../services/domain/calendar.ts'

const paris = (utc: number) => ({ utc, timezone: 'Europe/Paris' })

describe('local time', () => {
  test('in spring’s change an hour is left out', () => {
    const before = Date.UTC(2024, 2, 31, 0, 55)
    expect(localHour(paris(before))).toBe(1)
    expect(localHour(paris(before + 300_000))).toBe(3)
    expect(localOffset(paris(before))).toBe(HOUR_MS)
    expect(localOffset(paris(before + 300_000))).toBe(2 * HOUR_MS)
  })

  test('in autumn’s change an hour comes twice', () => {
    const first = Date.UTC(2024, 9, 27, 0, 30)
    expect([-1, 0, 1, 2].map((hours) => localHour(paris(first + hours * HOUR_MS)))).toEqual([1, 2, 2, 3])
    expect(hourOfWeek(paris(first))).toBe(6 * 24 + 2)
    expect(hourOfWeek(paris(first + HOUR_MS))).toBe(6 * 24 + 2)
  })

  test('the week begins on Monday at local midnight', () => {
    const sunday = Date.UTC(2024, 10, 3, 22, 59)
    expect([localDayOfWeek(paris(sunday)), hourOfWeek(paris(sunday))]).toEqual([6, 167])
    expect([localDayOfWeek(paris(sunday + 60_000)), hourOfWeek(paris(sunday + 60_000))]).toEqual([0, 0])
    expect(localDayName(paris(sunday + 60_000))).toBe('2024-11-04')
  })

  test('zones with half and quarter hours keep their minutes', () => {
    const utc = Date.UTC(2024, 5, 1, 18, 20)
    expect(localTime({ utc, timezone: 'Asia/Kathmandu' })).toEqual({
      year: 2024,
      month: 6,
      day: 2,
      dayOfWeek: 6,
      hour: 0,
      minute: 5,
    })
    expect(localHour({ utc, timezone: 'Asia/Kolkata' })).toBe(23)
  })

  test('agrees with the runtime’s own formatting at any moment', () => {
    const timezones = ['Europe/Paris', 'America/Los_Angeles', 'Asia/Tokyo', 'Australia/Lord_Howe', 'UTC']
    const format = Object.fromEntries(
      timezones.map((timeZone) => [
        timeZone,
        new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short', hour: '2-digit', hourCycle: 'h23' }),
      ]),
    )
    const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2037, 0) }),
        fc.constantFrom(...timezones),
        (utc, timezone) => {
          const parts = format[timezone]!.formatToParts(utc)
          const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
          expect(hourOfWeek({ utc, timezone })).toBe(
            days.indexOf(part('weekday')) * 24 + Number(part('hour')),
          )
        },
      ),
    )
  })

  test('an unknown zone is told', () => {
    expect(isTimezone('Europe/Paris')).toBe(true)
    expect(isTimezone('Mars/Olympus')).toBe(false)
  })
})
