import { DAY_MS } from '../bin.ts'

const NONE: ReadonlySet<string> = new Set()
const known = new Map<string, ReadonlySet<string>>()

const UNITED_STATES =
  /^(America\/(New_York|Chicago|Denver|Los_Angeles|Phoenix|Anchorage|Detroit|Boise|Indiana\/.*|Kentucky\/.*)|US\/.*|Pacific\/Honolulu)$/

/**
 * Days without work in the country of a timezone, as `YYYY-MM-DD`: France's eleven public holidays (Code du travail
 * L3133-1) and the United States' eleven federal ones (5 U.S.C. 6103, on the day itself). Elsewhere none is known.
 */
export function publicHolidays({ timezone, year }: { timezone: string; year: number }): ReadonlySet<string> {
  const country = timezone === 'Europe/Paris' ? france : UNITED_STATES.test(timezone) ? unitedStates : null
  if (country === null) return NONE
  const key = `${country.name} ${year}`
  let days = known.get(key)
  if (days === undefined) {
    days = new Set(country(year).map((utc) => new Date(utc).toISOString().slice(0, 10)))
    known.set(key, days)
  }
  return days
}

function france(year: number): number[] {
  const easter = easterSunday(year)
  const fixed: [number, number][] = [
    [1, 1],
    [5, 1],
    [5, 8],
    [7, 14],
    [8, 15],
    [11, 1],
    [11, 11],
    [12, 25],
  ]
  return [
    ...fixed.map(([month, day]) => Date.UTC(year, month - 1, day)),
    easter + DAY_MS,
    easter + 39 * DAY_MS,
    easter + 50 * DAY_MS,
  ]
}

function unitedStates(year: number): number[] {
  const fixed: [number, number][] = [
    [1, 1],
    [6, 19],
    [7, 4],
    [11, 11],
    [12, 25],
  ]
  const lastMonday = nthWeekday(year, 6, 1, 1) - 7 * DAY_MS
  return [
    ...fixed.map(([month, day]) => Date.UTC(year, month - 1, day)),
    nthWeekday(year, 1, 1, 3),
    nthWeekday(year, 2, 1, 3),
    lastMonday,
    nthWeekday(year, 9, 1, 1),
    nthWeekday(year, 10, 1, 2),
    nthWeekday(year, 11, 4, 4),
  ]
}

/** The nth of a weekday (0 is Sunday) in a month (1..12). */
function nthWeekday(year: number, month: number, weekday: number, nth: number): number {
  const first = Date.UTC(year, month - 1, 1)
  const ahead = (weekday - new Date(first).getUTCDay() + 7) % 7
  return first + (ahead + 7 * (nth - 1)) * DAY_MS
}

/** Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8). */
function easterSunday(year: number): number {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const h = (19 * a + b - Math.floor(b / 4) - Math.floor((b - Math.floor((b + 8) / 25) + 1) / 3) + 15) % 30
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7
  const m = Math.floor((a + 11 * h + 22 * l) / 451)
  const n = h + l - 7 * m + 114
  return Date.UTC(year, Math.floor(n / 31) - 1, (n % 31) + 1)
}
