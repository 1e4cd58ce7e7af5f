import { StationSelection } from './gbfs/duplicates.ts'
import {
  isObject,
  type JsonObject,
  readCapacity,
  readCount,
  readDegrees,
  readFlag,
  readId,
  readLastReported,
  readStatusWord,
  readText,
  StationFault,
} from './gbfs/fields.ts'
import type { StationDescription } from './gbfs/information.ts'
import { readStation } from './gbfs/status.ts'
import { ReadingError, shown } from './reading-error.ts'
import type { Refusal, StationState, StatusAnswer } from './status.ts'

/**
 * Reads Vélib's Opendatasoft export: a bare list (exports/json), `{results: […]}` (API 2.1) or
 * `{records: [{fields}]}` (API 1.0). It says state and description in one row and no published time.
 * Flags are OUI/NON, `duedate` is the time of the last report, ids are the short `stationcode`.
 * Rows without a stationcode are refused; absent name, capacity or place are null.
 * Throws ReadingError `feed_malformed`, `feed_no_stations`.
 */
export function parseOpendatasoft(json: unknown): StatusAnswer {
  const rows = readRows(json)
  const selection = new StationSelection()
  const refused: Refusal[] = []
  const described = new Map<string, StationDescription>()
  for (const raw of rows) {
    const read = readStation(raw, (row) => ({ state: readState(row), description: describe(row) }))
    if ('reason' in read) {
      refused.push(read)
      continue
    }
    selection.add(read.state, raw)
    if (!described.has(read.state.station_id)) described.set(read.state.station_id, read.description)
  }
  return {
    published_utc: null,
    ttl_s: null,
    version: 'opendatasoft',
    stations: selection.states(),
    refused: [...refused, ...selection.refused],
    information: [...described.values()],
  }
}

/** True when the JSON is shaped like this export, so that a reader of recordings can choose by content. */
export function isOpendatasoft(json: unknown): boolean {
  const rows = rowsOf(json)
  return rows?.some((row) => isObject(row) && ('numbikesavailable' in row || 'stationcode' in row)) ?? false
}

function rowsOf(json: unknown): readonly unknown[] | null {
  if (Array.isArray(json)) return json
  if (!isObject(json)) return null
  if (Array.isArray(json.results)) return json.results
  if (!Array.isArray(json.records)) return null
  return json.records.map((record) => (isObject(record) ? (record.fields ?? record) : record))
}

function readRows(json: unknown): readonly unknown[] {
  const rows = rowsOf(json)
  if (rows === null) {
    throw new ReadingError({
      code: 'feed_malformed',
      message: `export must be a list, or have "results" or "records": check the address, got ${shown(json)}`,
    })
  }
  if (rows.length === 0) {
    throw new ReadingError({
      code: 'feed_no_stations',
      message: "export names no station: a system without stations can't be followed, got []",
    })
  }
  if (!isOpendatasoft(json)) {
    throw new ReadingError({
      code: 'feed_malformed',
      message: `export rows must have stationcode or numbikesavailable: check the address, got ${shown(rows[0])}`,
    })
  }
  return rows
}

function readState(row: JsonObject): StationState {
  const station_id = readId(row.stationcode, 'stationcode')
  const fault = (error: unknown): never => {
    if (!(error instanceof StationFault)) throw error
    throw new StationFault(error.reason, error.message, station_id)
  }
  try {
    const bikes = readCount(row.numbikesavailable, 'numbikesavailable')
    if (bikes === null) throw new StationFault('count_missing', 'numbikesavailable is missing, got null')
    const is_renting = readFlag(row.is_renting, 'is_renting')
    const is_returning = readFlag(row.is_returning, 'is_returning')
    return {
      station_id,
      bikes,
      docks: readCount(row.numdocksavailable, 'numdocksavailable'),
      mechanical: readCount(row.mechanical, 'mechanical') ?? 0,
      ebike: readCount(row.ebike, 'ebike') ?? 0,
      bikes_disabled: null,
      docks_disabled: null,
      is_installed: readFlag(row.is_installed, 'is_installed'),
      is_renting,
      is_returning,
      status: readStatusWord(row.station_status, is_renting, is_returning),
      last_reported: readLastReported(row.duedate, 'duedate'),
    }
  } catch (error) {
    return fault(error)
  }
}

function describe(row: JsonObject): StationDescription {
  const { lat, lon } = readPlace(row.coordonnees_geo)
  return {
    station_id: readId(row.stationcode, 'stationcode'),
    name: readText(row.name),
    lat,
    lon,
    capacity: readCapacity(row.capacity),
    region_id: readText(row.code_insee_commune),
  }
}

/** `{lat, lon}`, or API 1.0's `[lat, lon]`. */
function readPlace(value: unknown): { lat: number | null; lon: number | null } {
  const [lat, lon] = Array.isArray(value) ? value : isObject(value) ? [value.lat, value.lon] : []
  return { lat: readDegrees(lat, 90), lon: readDegrees(lon, 180) }
}
