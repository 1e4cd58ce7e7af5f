import { DAY_MS, HOUR_MS } from '../../domain/bin.ts'

export const MINUTE_MS = 60_000
const WEEK_MS = 7 * DAY_MS
/** Local hour of Monday at which a week's anchor stands: the quietest of the week, and never in a clock change. */
const ANCHOR_HOUR = 4

/** Local wall clock. `weekday` 0 is Monday; `hour` is fractional. */
export interface LocalTime {
  weekday: number
  hour: number
  /** 1 to 366. */
  dayOfYear: number
}

/** A city's local time. Offsets are looked up once an hour and remembered; memory is one number an hour asked for. */
export class CityCalendar {
  readonly #format: Intl.DateTimeFormat
  readonly #offsets = new Map<number, number>()

  constructor(timezone: string) {
    this.#format = new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  /** Local minus UTC, ms, at `utc`. */
  offset(utc: number): number {
    const hour = Math.floor(utc / HOUR_MS)
    const known = this.#offsets.get(hour)
    if (known !== undefined) return known
    const parts: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(hour * HOUR_MS)) parts[type] = Number(value)
    const local = Date.UTC(
      parts.year ?? 0,
      (parts.month ?? 1) - 1,
      parts.day,
      parts.hour,
      parts.minute,
      parts.second,
    )
    const offset = local - hour * HOUR_MS
    if (this.#offsets.size > 10_000) this.#offsets.clear()
    this.#offsets.set(hour, offset)
    return offset
  }

  local(utc: number): LocalTime {
    const wall = utc + this.offset(utc)
    const date = new Date(wall)
    const day = Math.floor(wall / DAY_MS)
    const newYear = Date.UTC(date.getUTCFullYear(), 0, 1) / DAY_MS
    return {
      weekday: (((day + 3) % 7) + 7) % 7,
      hour: (wall - day * DAY_MS) / HOUR_MS,
      dayOfYear: day - newYear + 1,
    }
  }

  /** Start of the week that holds `utc`: the newest Monday, ANCHOR_HOUR local, at or before it. Epoch ms. */
  anchor(utc: number): number {
    const { weekday, hour } = this.local(utc)
    const sinceMonday = weekday * DAY_MS + hour * HOUR_MS
    const wallAnchor = utc + this.offset(utc) - sinceMonday + ANCHOR_HOUR * HOUR_MS
    const anchor = this.#fromWall(wallAnchor)
    return anchor <= utc ? anchor : this.#fromWall(wallAnchor - WEEK_MS)
  }

  /** Start of the week after the one that begins at `anchor`. */
  nextAnchor(anchor: number): number {
    return this.#fromWall(anchor + this.offset(anchor) + WEEK_MS)
  }

  #fromWall(wall: number): number {
    const guess = wall - this.offset(wall)
    return wall - this.offset(guess)
  }
}
