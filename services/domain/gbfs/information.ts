import type { StationInformation } from '../station.ts'
import type { Refusal } from '../status.ts'
import { readEnvelope, readStations } from './envelope.ts'
import {
  isObject,
  type JsonObject,
  readCapacity,
  readDegrees,
  readId,
  readText,
  StationFault,
} from './fields.ts'
import { readStation } from './status.ts'

/** A station as a source names it, before it belongs to a system. */
export type StationDescription = Omit<StationInformation, 'seen_utc' | 'system'>

export interface InformationAnswer {
  published_utc: number | null
  ttl_s: number | null
  version: string | null
  stations: StationDescription[]
  refused: Refusal[]
}

/**
 * Reads `station_information.json` of GBFS 1.x, 2.x and 3.0. What can't be read of a station (its place, its capacity)
 * is null; a station without an id, or named again, is refused. `language` chooses among 3.0's localized names.
 * Throws ReadingError `feed_malformed`, `feed_no_stations`, `feed_version_unknown`.
 */
export function parseInformation(json: unknown, options: { language?: string } = {}): InformationAnswer {
  const envelope = readEnvelope(json, 'station_information')
  const stations = new Map<string, StationDescription>()
  const refused: Refusal[] = []
  for (const raw of readStations(envelope, 'station_information')) {
    const read = readStation(raw, (station) => {
      const described = describe(station, options.language)
      if (stations.has(described.station_id)) {
        throw new StationFault(
          'station_duplicate',
          `station is in the answer more than once, the first is kept, got ${described.station_id}`,
          described.station_id,
        )
      }
      return described
    })
    if ('reason' in read) refused.push(read)
    else stations.set(read.station_id, read)
  }
  return {
    published_utc: envelope.published_utc,
    ttl_s: envelope.ttl_s,
    version: envelope.stated,
    stations: [...stations.values()],
    refused,
  }
}

function describe(station: JsonObject, language: string | undefined): StationDescription {
  return {
    station_id: readId(station.station_id),
    name: readName(station.name, language),
    lat: readDegrees(station.lat, 90),
    lon: readDegrees(station.lon, 180),
    capacity: readCapacity(station.capacity),
    region_id:
      typeof station.region_id === 'number' ? String(station.region_id) : readText(station.region_id),
  }
}

/** Text, or 3.0's `[{text, language}]`: the language asked for, else English, else the first. */
function readName(value: unknown, language: string | undefined): string | null {
  if (!Array.isArray(value)) return readText(value)
  const names = value.filter(isObject)
  const chosen =
    names.find((name) => language !== undefined && name.language === language) ??
    names.find((name) => name.language === 'en') ??
    names[0]
  return readText(chosen?.text)
}
