import { shown } from '../reading-error.ts'
import type { Refusal, StationState, StatusAnswer } from '../status.ts'
import { StationSelection } from './duplicates.ts'
import { type Envelope, readEnvelope, readStations } from './envelope.ts'
import {
  isObject,
  type JsonObject,
  readCount,
  readFlag,
  readId,
  readLastReported,
  readStatusWord,
  StationFault,
} from './fields.ts'
import { splitByTypes, type VehicleTypes } from './vehicle-types.ts'

const NO_TYPES: VehicleTypes = new Map()

/**
 * Reads `station_status.json` of GBFS 1.x, 2.x and 3.0, told apart by shape alone: Vélib' states no version at all.
 * A bad station is refused with its reason and the rest goes on. Throws ReadingError `feed_malformed`,
 * `feed_no_stations`, `feed_version_unknown`. `vehicleTypes` lets counts by vehicle type be split into kinds.
 */
export function parseStatus(json: unknown, options: { vehicleTypes?: VehicleTypes } = {}): StatusAnswer {
  const envelope = readEnvelope(json, 'station_status')
  const stations = readStations(envelope, 'station_status')
  const types = options.vehicleTypes ?? NO_TYPES
  const selection = new StationSelection()
  const refused: Refusal[] = []
  for (const raw of stations) {
    const read = readStation(raw, (station) => readState(station, types))
    if ('reason' in read) refused.push(read)
    else selection.add(read, raw)
  }
  return {
    published_utc: envelope.published_utc,
    ttl_s: envelope.ttl_s,
    version: envelope.stated ?? versionByShape(envelope, stations[0]),
    ...(envelope.simulated ? { simulated: true } : {}),
    stations: selection.states(),
    refused: [...refused, ...selection.refused],
    information: null,
  }
}

/** Applies `read` to a station; a StationFault becomes its refusal. */
export function readStation<T extends object>(raw: unknown, read: (station: JsonObject) => T): T | Refusal {
  if (!isObject(raw)) {
    return {
      reason: 'station_not_an_object',
      station_id: null,
      message: `station must be a JSON object, got ${shown(raw)}`,
      raw,
    }
  }
  try {
    return read(raw)
  } catch (error) {
    if (!(error instanceof StationFault)) throw error
    const { reason, message } = error
    return { reason, station_id: error.stationId ?? idForRefusal(raw.station_id), message, raw }
  }
}

function idForRefusal(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null
}

function readState(station: JsonObject, types: VehicleTypes): StationState {
  const station_id = readId(station.station_id)
  const vehicles = readCount(
    station.num_bikes_available ?? station.num_vehicles_available,
    station.num_bikes_available === undefined ? 'num_vehicles_available' : 'num_bikes_available',
  )
  if (vehicles === null) {
    throw new StationFault(
      'count_missing',
      'num_bikes_available (1.x, 2.x) or num_vehicles_available (3.0) is missing, got null',
    )
  }
  const is_renting = readFlag(station.is_renting, 'is_renting')
  const is_returning = readFlag(station.is_returning, 'is_returning')
  return {
    station_id,
    ...readBikes(station, vehicles, types),
    docks: readCount(station.num_docks_available, 'num_docks_available'),
    bikes_disabled: readCount(
      station.num_bikes_disabled ?? station.num_vehicles_disabled,
      station.num_bikes_disabled === undefined ? 'num_vehicles_disabled' : 'num_bikes_disabled',
    ),
    docks_disabled: readCount(station.num_docks_disabled, 'num_docks_disabled'),
    is_installed: readFlag(station.is_installed, 'is_installed'),
    is_renting,
    is_returning,
    status: readStatusWord(station.station_status, is_renting, is_returning),
    last_reported: readLastReported(station.last_reported),
  }
}

/**
 * Bikes and their split, by the first of these that the station has: `num_bikes_available_types` (Vélib'),
 * `num_ebikes_available` (Lyft), `vehicle_types_available` with every type's kind known. Else the split is 0 and 0:
 * not told. Vehicles that are no bikes leave `bikes` only when their kind is known.
 */
function readBikes(
  station: JsonObject,
  vehicles: number,
  types: VehicleTypes,
): Pick<StationState, 'bikes' | 'mechanical' | 'ebike'> {
  if (station.num_bikes_available_types !== undefined && station.num_bikes_available_types !== null) {
    return { bikes: vehicles, ...readTypeCounts(station.num_bikes_available_types) }
  }
  const ebikes = readCount(station.num_ebikes_available, 'num_ebikes_available')
  if (ebikes !== null) {
    return { bikes: vehicles, mechanical: Math.max(0, vehicles - ebikes), ebike: ebikes }
  }
  const split = splitByTypes(station.vehicle_types_available, types)
  if (split === null) return { bikes: vehicles, mechanical: 0, ebike: 0 }
  return {
    bikes: Math.max(0, vehicles - split.other),
    mechanical: split.mechanical,
    ebike: split.ebike,
  }
}

/** `[{"mechanical": 1}, {"ebike": 4}]` or `{"mechanical": 1, "ebike": 4}`: a kind that is not named counts 0. */
function readTypeCounts(value: unknown): { mechanical: number; ebike: number } {
  const counts = { mechanical: 0, ebike: 0 }
  for (const entry of Array.isArray(value) ? value : [value]) {
    if (!isObject(entry)) {
      throw new StationFault(
        'count_not_whole',
        `num_bikes_available_types must hold objects of counts, got ${shown(entry)}`,
      )
    }
    for (const kind of ['mechanical', 'ebike'] as const) {
      counts[kind] += readCount(entry[kind], `num_bikes_available_types.${kind}`) ?? 0
    }
  }
  return counts
}

/** A version for a file that states none: the oldest whose signs it shows. */
function versionByShape(envelope: Envelope, first: unknown): string {
  const station = isObject(first) ? first : {}
  if (envelope.textTimes || station.num_vehicles_available !== undefined) return '3.0'
  if (station.vehicle_types_available !== undefined || typeof station.is_renting === 'boolean') return '2.x'
  return '1.x'
}
