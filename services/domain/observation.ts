import { hash } from 'node:crypto'

/**
 * One station in one poll, complete: no consumer has to join anything to it (law 2).
 * Field names are those of the Avro record `StationObservation` and of the Parquet columns.
 * Times are epoch milliseconds, UTC. Counts are whole numbers >= 0.
 */
export interface Observation {
  system: string
  station_id: string
  poll_id: string
  /** Position of this observation in its poll, from 0. */
  poll_index: number
  /** Observations in its poll. */
  poll_count: number
  /** Event time: the feed's published time, or the fetch time by the rule of `eventTime`. */
  ts_utc: number
  fetched_utc: number
  published_utc: number | null
  last_reported: number | null
  bikes: number | null
  docks: number | null
  mechanical: number
  ebike: number
  bikes_disabled: number | null
  docks_disabled: number | null
  is_installed: boolean
  is_renting: boolean
  is_returning: boolean
  /** `station_status` of the feed if it has one, else `OK` or `CLOSED`. */
  status: string
  capacity: number | null
  /** Degrees, WGS 84. */
  lat: number | null
  lon: number | null
  name: string | null
  /** Degrees Celsius, mm in the hour, m/s at 10 m: single precision, all three null when weather is unknown. */
  temp_C: number | null
  precip_mm: number | null
  wind_mps: number | null
  /** Start of the hour that the weather values are for. */
  weather_hour: number | null
  /** When that weather was issued (fetched from its provider). */
  weather_issued: number | null
}

/** The whole-number, text and flag fields that the content hash covers, in its order; SQL makes its text from them. */
export const HASHED_FIELDS = [
  'bikes',
  'docks',
  'mechanical',
  'ebike',
  'bikes_disabled',
  'docks_disabled',
  'is_installed',
  'is_renting',
  'is_returning',
  'status',
  'capacity',
  'name',
  'last_reported',
  'published_utc',
  'poll_id',
  'weather_hour',
  'weather_issued',
] as const satisfies readonly (keyof Observation)[]

/**
 * MD5, lower-case hex, of `HASHED_FIELDS` joined by `|`; null is the empty text, times are epoch ms,
 * flags are `true`/`false`. SQL computes the same text, so stream and compaction agree on the last of a tie.
 */
export function contentHash(observation: Observation): string {
  const { bikes, docks, mechanical, ebike, bikes_disabled, docks_disabled } = observation
  const { is_installed, is_renting, is_returning, status, capacity, name, last_reported } = observation
  const counts = `${orNone(bikes)}|${orNone(docks)}|${mechanical}|${ebike}|${orNone(bikes_disabled)}|${orNone(docks_disabled)}`
  const flags = `${is_installed}|${is_renting}|${is_returning}|${status}`
  const facts = `${orNone(capacity)}|${orNone(name)}|${orNone(last_reported)}`
  return hash('md5', `${counts}|${flags}|${facts}|${pollText(observation)}`, 'hex')
}

type PollFields = Pick<Observation, 'published_utc' | 'poll_id' | 'weather_hour' | 'weather_issued'>

/** The fields that a poll's observations share, last in HASHED_FIELDS, and their text: written once a poll. */
let shared: PollFields & { text: string } = {
  published_utc: null,
  poll_id: '',
  weather_hour: null,
  weather_issued: null,
  text: '|||',
}

function pollText({ published_utc, poll_id, weather_hour, weather_issued }: PollFields): string {
  if (
    shared.published_utc !== published_utc ||
    shared.poll_id !== poll_id ||
    shared.weather_hour !== weather_hour ||
    shared.weather_issued !== weather_issued
  ) {
    const text = `${orNone(published_utc)}|${poll_id}|${orNone(weather_hour)}|${orNone(weather_issued)}`
    shared = { published_utc, poll_id, weather_hour, weather_issued, text }
  }
  return shared.text
}

function orNone(value: string | number | null): string | number {
  return value === null ? '' : value
}

/**
 * Total order of observations of one station: (ts_utc, fetched_utc, content hash). The greatest of a bin is
 * its last. Negative when `a` is earlier. Offsets never take part, so any order of arrival gives one result.
 */
export function compareObservations(a: Observation, b: Observation): number {
  if (a.ts_utc !== b.ts_utc) return a.ts_utc - b.ts_utc
  if (a.fetched_utc !== b.fetched_utc) return a.fetched_utc - b.fetched_utc
  const left = contentHash(a)
  const right = contentHash(b)
  return left < right ? -1 : left > right ? 1 : 0
}
