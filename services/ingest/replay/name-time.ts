import { VelocastError } from '../../platform/errors.ts'

const MINUTE_MS = 60_000
const QUARTER_MS = 15 * MINUTE_MS
const FURTHEST_ZONE_MS = 14 * 60 * MINUTE_MS
/** A clock that runs ahead of the publisher's by up to this is still taken as the same time. */
const CLOCK_ERROR_MS = 2 * MINUTE_MS

/** A time in a file's name: epoch ms when the name states its zone, else the wall clock as if it were UTC's. */
export interface NameTime {
  wall: number
  zoned: boolean
}

const STAMP =
  /(?<!\d)(\d{4})[-_]?(\d{2})[-_]?(\d{2})[-_T ]?(\d{2})[-_:h]?(\d{2})(?:[-_:]?(\d{2}))?(?:[.,]\d+)?(Z|[+-]\d{2}:?\d{2})?(?!\d)/i
const EPOCH = /(?<!\d)(1\d{9})(\d{3})?(?!\d)/

/**
 * The fetch time that a recorded file's name states: `20230509T070655Z`, `2022_06_29_00_00_23`, `20240412140435`,
 * `20241105T0755Z`, with or without an offset; or 10 or 13 digits of epoch seconds or milliseconds. Null for none:
 * a date alone is no time.
 */
export function timeInName(name: string): NameTime | null {
  const epoch = EPOCH.exec(name)
  if (epoch !== null) return { wall: Number(epoch[1]) * 1000 + Number(epoch[2] ?? 0), zoned: true }
  const stamp = STAMP.exec(name)
  if (stamp === null) return null
  const [year, month, day, hour, minute, second] = stamp.slice(1, 7).map((part) => Number(part ?? 0))
  const wall = Date.UTC(year!, month! - 1, day, hour, minute, second)
  const valid =
    month! >= 1 && month! <= 12 && hour! < 24 && minute! < 60 && second! < 61 && year! >= 1990 && year! < 2100
  if (!valid || new Date(wall).getUTCDate() !== day) return null
  const zone = stamp[7]
  if (zone === undefined) return { wall, zoned: false }
  return { wall: wall - (offsetOf(zone) ?? 0), zoned: true }
}

/** Gives epoch ms of names without a zone. */
export type NameZone = (wall: number) => number

/**
 * The zone of names that state none: `UTC`, `+09:00` or an IANA name. Throws `config_invalid`.
 */
export function nameZone(timezone: string): NameZone {
  const offset = offsetOf(timezone)
  if (offset !== null) return (wall) => wall - offset
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone,
      timeZoneName: 'longOffset',
    })
  } catch (cause) {
    throw new VelocastError({
      code: 'config_invalid',
      message: `name timezone must be UTC, an offset as +09:00, or an IANA name as Asia/Tokyo, got ${timezone}`,
      cause,
    })
  }
  const offsetAt = (utc: number): number => {
    const name = format.formatToParts(utc).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
    return offsetOf(name.replace('GMT', '') || 'Z') ?? 0
  }
  return (wall) => wall - offsetAt(wall - offsetAt(wall))
}

/**
 * The zone of names that state none, from what a few files say themselves: fetched is published or up to 13 minutes
 * later, so the quarter hour between a name and the published time in its file is the zone. Names without any published
 * time are UTC. Throws `replay_unreadable` when fewer than half of the files agree.
 */
export function inferredNameZone(samples: { wall: number; published_utc: number | null }[]): NameZone {
  const votes = new Map<number, number>()
  for (const { wall, published_utc } of samples) {
    if (published_utc === null) continue
    const offset = Math.floor((wall - published_utc + CLOCK_ERROR_MS) / QUARTER_MS) * QUARTER_MS
    if (Math.abs(offset) <= FURTHEST_ZONE_MS) votes.set(offset, (votes.get(offset) ?? 0) + 1)
  }
  const [best] = [...votes].sort((a, b) => b[1] - a[1])
  if (best === undefined) return (wall) => wall
  const [offset, count] = best
  const asked = samples.filter(({ published_utc }) => published_utc !== null).length
  if (count * 2 < asked) {
    throw new VelocastError({
      code: 'replay_unreadable',
      message: `zone of the times in file names can't be told from the files: state it with --name-timezone, got ${count} of ${asked} files for ${offset / MINUTE_MS} minutes`,
    })
  }
  return (wall) => wall - offset
}

/** Milliseconds of `Z`, `UTC`, `+09:00`, `+0900`; null for anything else. */
function offsetOf(zone: string): number | null {
  if (/^(z|utc)$/i.test(zone)) return 0
  const match = /^([+-])(\d{2}):?(\d{2})$/.exec(zone)
  if (match === null) return null
  const minutes = Number(match[2]) * 60 + Number(match[3])
  return (match[1] === '-' ? -minutes : minutes) * MINUTE_MS
}
