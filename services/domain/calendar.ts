import { HOUR_MS } from './bin.ts'

/** A moment on a local calendar. `hour` 0..23, `dayOfWeek` 0 is Monday, 6 is Sunday, `month` 1..12. */
export interface LocalTime {
  year: number
  month: number
  day: number
  dayOfWeek: number
  hour: number
  minute: number
}

export const HOURS_OF_WEEK = 168

/** Every zone since 1972 changes its offset on a quarter of an hour, so one offset holds for each quarter. */
const QUARTER_MS = HOUR_MS / 4
/** Offsets kept for each zone: 4,096 quarters are 42 days, about 100 kB. */
const OFFSETS_KEPT = 4096

interface Zone {
  format: Intl.DateTimeFormat
  offsets: Map<number, number>
}
const zones = new Map<string, Zone>()

function zone(timezone: string): Zone {
  let found = zones.get(timezone)
  if (found === undefined) {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    found = { format, offsets: new Map() }
    zones.set(timezone, found)
  }
  return found
}

/**
 * Milliseconds to add to `utc` (epoch ms) for local time in the IANA zone: +3,600,000 for Paris in winter.
 * Throws RangeError for an unknown zone. Whole minutes: exact for every zone since 1972.
 */
export function localOffset({ utc, timezone }: { utc: number; timezone: string }): number {
  const quarter = Math.floor(utc / QUARTER_MS)
  const { format, offsets } = zone(timezone)
  const known = offsets.get(quarter)
  if (known !== undefined) return known
  const start = quarter * QUARTER_MS
  const parts: Record<string, number> = {}
  for (const part of format.formatToParts(start)) parts[part.type] = Number(part.value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts
  const offset = Date.UTC(year, month - 1, day, hour, minute) - start
  if (offsets.size >= OFFSETS_KEPT) offsets.clear()
  offsets.set(quarter, offset)
  return offset
}

export function localTime({ utc, timezone }: { utc: number; timezone: string }): LocalTime {
  const local = new Date(utc + localOffset({ utc, timezone }))
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    dayOfWeek: (local.getUTCDay() + 6) % 7,
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
  }
}

/** 0..23. In autumn's change one local hour comes twice, in spring one is left out. */
export function localHour(moment: { utc: number; timezone: string }): number {
  return localTime(moment).hour
}

/** 0 is Monday, 6 is Sunday. */
export function localDayOfWeek(moment: { utc: number; timezone: string }): number {
  return localTime(moment).dayOfWeek
}

/** 0..167, from Monday 00:00 local time: `dayOfWeek * 24 + hour`. */
export function hourOfWeek(moment: { utc: number; timezone: string }): number {
  const { dayOfWeek, hour } = localTime(moment)
  return dayOfWeek * 24 + hour
}

/** `YYYY-MM-DD` of the local day. */
export function localDayName(moment: { utc: number; timezone: string }): string {
  return new Date(moment.utc + localOffset(moment)).toISOString().slice(0, 10)
}

/** True when the runtime knows the IANA zone. */
export function isTimezone(timezone: string): boolean {
  try {
    zone(timezone)
    return true
  } catch {
    return false
  }
}
