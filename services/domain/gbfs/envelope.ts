import { ReadingError, shown } from '../reading-error.ts'
import { isObject, type JsonObject, readTime } from './fields.ts'

/** What surrounds the data of every GBFS file. */
export interface Envelope {
  data: JsonObject
  /** `last_updated` (or Vélib's `lastUpdatedOther`), epoch ms; null when absent, zero or unreadable. */
  published_utc: number | null
  ttl_s: number | null
  /** As the file states it; null when it states none. */
  stated: string | null
  /** Times as RFC 3339 text: the sign of 3.0. */
  textTimes: boolean
  /** The file says of itself that nothing of it is real. */
  simulated: boolean
}

/** Reads JSON text (UTF-8, a byte order mark is allowed). Throws `feed_malformed` with the text's beginning. */
export function readJson(body: Uint8Array | string): unknown {
  const text = typeof body === 'string' ? body.replace(/^\uFEFF/, '') : new TextDecoder().decode(body)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ReadingError({
      code: 'feed_malformed',
      message: `feed must be JSON: check that the address is a feed's, got ${shown(text.slice(0, 60))}`,
      cause,
    })
  }
}

/** Throws `feed_malformed` when there is no `data` object, `feed_version_unknown` when that is of a GBFS to come. */
export function readEnvelope(json: unknown, file: string): Envelope {
  if (!isObject(json)) {
    throw new ReadingError({
      code: 'feed_malformed',
      message: `${file} must be a JSON object: check that the address is a feed's, got ${shown(json)}`,
    })
  }
  const stated = readVersion(json.version)
  const { data } = json
  if (!isObject(data)) {
    const major = Number(stated?.split('.')[0])
    throw new ReadingError({
      code: major > 3 ? 'feed_version_unknown' : 'feed_malformed',
      message: `${file} must have an object "data": check that the address is a GBFS file's, got ${shown(data ?? null)}`,
    })
  }
  const updated = json.last_updated ?? json.lastUpdatedOther
  const published = readTime(updated)
  return {
    data,
    published_utc: published === undefined || published === 0 ? null : published,
    ttl_s: readTtl(json.ttl),
    stated,
    textTimes: typeof updated === 'string' && published !== undefined,
    simulated: json.simulated === true,
  }
}

/** The list `data.stations`. Throws `feed_malformed` where there is none and `feed_no_stations` where it is empty. */
export function readStations(envelope: Envelope, file: string): readonly unknown[] {
  const { stations } = envelope.data
  if (!Array.isArray(stations)) {
    throw new ReadingError({
      code: Number(envelope.stated?.split('.')[0]) > 3 ? 'feed_version_unknown' : 'feed_malformed',
      message: `${file} must have a list "data.stations": check that the address is that file's, got ${shown(stations ?? null)}`,
    })
  }
  if (stations.length === 0) {
    throw new ReadingError({
      code: 'feed_no_stations',
      message: `${file} names no station: a system without stations can't be followed, got []`,
    })
  }
  return stations
}

function readVersion(value: unknown): string | null {
  if (typeof value === 'string' && value.trim() !== '') return value.trim()
  if (typeof value === 'number' && Number.isFinite(value)) return value.toFixed(1)
  return null
}

/** Larger ones are an hour's mistake in units; the record's field has 32 bits. */
const LARGEST_TTL = 2_147_483_647

function readTtl(value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return null
  return Math.min(Math.round(value), LARGEST_TTL)
}
