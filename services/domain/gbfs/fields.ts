import { shown } from '../reading-error.ts'
import type { RefusalReason } from '../status.ts'

export type JsonObject = { readonly [key: string]: unknown }

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Ends the reading of one station: becomes its `Refusal`, never leaves this folder. */
export class StationFault extends Error {
  readonly reason: RefusalReason
  readonly stationId: string | null

  constructor(reason: RefusalReason, message: string, stationId: string | null = null) {
    super(message)
    this.reason = reason
    this.stationId = stationId
  }
}

/** A count above this is no count of bikes: the largest station parks some hundreds, a whole city some 100,000. */
const LARGEST_COUNT = 100_000
/** Longest station id that is taken, characters: it is part of every key. */
const LONGEST_ID = 200

/** Numbers from here on are epoch milliseconds, below they are seconds (10^11 s is the year 5138). */
const MILLISECONDS_FROM = 100_000_000_000
/** Furthest that a Date reaches from 1970, ms. */
const LAST_DATE = 8.64e15
const RFC3339 = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/i
const DIGITS = /^\d{1,12}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/

/**
 * A station's id as text: text as it is, numbers in decimal digits (Vélib' sends numbers beyond 2^32).
 * Refuses absent, null and blank ids as `station_id_missing`, whatever can't be a key as `station_id_invalid`.
 */
export function readId(value: unknown, field = 'station_id'): string {
  if (value === undefined || value === null || (typeof value === 'string' && value.trim() === '')) {
    throw new StationFault('station_id_missing', `${field} is missing, got ${shown(value ?? null)}`)
  }
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return String(value)
  if (typeof value === 'string' && value.length <= LONGEST_ID && !CONTROL.test(value)) return value
  throw new StationFault(
    'station_id_invalid',
    `${field} must be text of at most ${LONGEST_ID} characters or a whole number, got ${shown(value)}`,
  )
}

/** A whole number 0..LARGEST_COUNT, also as digits in text; null when absent or null. Refuses by reason. */
export function readCount(value: unknown, field: string): number | null {
  if (value === undefined || value === null) return null
  const count = typeof value === 'string' && DIGITS.test(value) ? Number(value) : value
  if (typeof count !== 'number' || !Number.isInteger(count)) {
    throw new StationFault('count_not_whole', `${field} must be a whole number, got ${shown(value)}`)
  }
  if (count < 0) throw new StationFault('count_negative', `${field} must not be negative, got ${count}`)
  if (count > LARGEST_COUNT) {
    throw new StationFault('count_out_of_range', `${field} must be at most ${LARGEST_COUNT}, got ${count}`)
  }
  return count
}

const FLAGS = new Map<unknown, boolean>([
  [true, true],
  [false, false],
  [1, true],
  [0, false],
  ['OUI', true],
  ['NON', false],
  ['true', true],
  ['false', false],
  ['1', true],
  ['0', false],
])

/** A service flag: boolean, 0/1 or OUI/NON; true when absent or null. */
export function readFlag(value: unknown, field: string): boolean {
  if (value === undefined || value === null) return true
  const flag = FLAGS.get(value)
  if (flag === undefined) {
    throw new StationFault('flag_invalid', `${field} must be true or false, 1 or 0, got ${shown(value)}`)
  }
  return flag
}

/** Epoch ms of seconds, milliseconds or RFC 3339 text; undefined when it is none of these. */
export function readTime(value: unknown): number | undefined {
  if (typeof value === 'string' && DIGITS.test(value)) return readTime(Number(value))
  if (typeof value === 'number') {
    const ms = Math.round(value < MILLISECONDS_FROM ? value * 1000 : value)
    return value >= 0 && ms <= LAST_DATE ? ms : undefined
  }
  if (typeof value !== 'string' || !RFC3339.test(value)) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}

/** When the station last reported; null when absent. 1970 and times that run backwards are taken as they are. */
export function readLastReported(value: unknown, field = 'last_reported'): number | null {
  if (value === undefined || value === null) return null
  const time = readTime(value)
  if (time !== undefined) return time
  throw new StationFault(
    'last_reported_invalid',
    `${field} must be epoch seconds or an RFC 3339 time, got ${shown(value)}`,
  )
}

/** The feed's own word when it is there and not empty, else OK when it rents and takes back, else CLOSED. */
export function readStatusWord(value: unknown, isRenting: boolean, isReturning: boolean): string {
  if (typeof value === 'string' && value.trim() !== '') return value
  return isRenting && isReturning ? 'OK' : 'CLOSED'
}

/** A finite number within ±`limit`, else null: a wrong place costs a station its place, not its state. */
export function readDegrees(value: unknown, limit: number): number | null {
  return typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= limit ? value : null
}

/** Text, or null when it is absent or blank. */
export function readText(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null
}

/** Docks of a station; null when unknown or not a count. */
export function readCapacity(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LARGEST_COUNT
    ? value
    : null
}
