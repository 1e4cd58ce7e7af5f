import type { Forecast, HorizonForecast } from '../../domain/forecast.ts'
import { SOURCES, type Source } from '../../domain/poll.ts'
import type { LookUp, SystemLookUp } from './port.ts'

/** Fields of a Redis hash as HGETALL gives them. Absent means null. */
export type Fields = Record<string, string>

type Value = string | number | boolean | null

/** Numbers of a horizon, by their field's end: `h15_bikes_mean`. */
const HORIZON_NUMBERS = [
  'bikes_mean',
  'bikes_median',
  'docks_mean',
  'docks_median',
  'bikes_q10',
  'bikes_q50',
  'bikes_q90',
  'p_bike',
  'p_dock',
] as const
const HORIZON_FIELD = /^h(\d+)_target_utc$/

const STATION_FIELDS = [
  'system',
  'station_id',
  'name',
  'lat',
  'lon',
  'capacity',
  'bikes',
  'docks',
  'mechanical',
  'ebike',
  'in_service',
  'ts_utc',
  'tbin_utc',
  'source',
  'simulated',
] as const
const FORECAST_FIELDS = ['poll_id', 'predicted_utc', 'valid_until', 'stale'] as const

/**
 * Hashes of many stations: plain texts, times in ISO 8601 UTC. The layout is a public contract: docs/contracts.md. Rows of
 * one `shape` have their values in the order of the same names, null where a field is absent: names are sent once.
 */
export interface LookUpTexts {
  /** Field names of each shape. */
  names: string[][]
  rows: { shape: number; values: (string | null)[] }[]
}

export function lookUpTexts(rows: readonly LookUp[], source: Source): LookUpTexts {
  const names: string[][] = []
  const shapes = new Map<string, number>()
  const shapeOf = (horizons: readonly HorizonForecast[] | null): number => {
    const key = horizons === null ? '' : `:${horizons.map(({ horizon_min }) => horizon_min).join(',')}`
    let shape = shapes.get(key)
    if (shape === undefined) {
      shape = names.length
      names.push(shapeNames(horizons))
      shapes.set(key, shape)
    }
    return shape
  }
  return {
    names,
    rows: rows.map((row) => ({
      shape: shapeOf(row.forecast?.horizons ?? null),
      values: lookUpValues(row, source),
    })),
  }
}

function shapeNames(horizons: readonly HorizonForecast[] | null): string[] {
  if (horizons === null) return [...STATION_FIELDS]
  const fields = ['target_utc', 'model_version', ...HORIZON_NUMBERS]
  return [
    ...STATION_FIELDS,
    ...FORECAST_FIELDS,
    ...horizons.flatMap(({ horizon_min }) => fields.map((field) => `h${horizon_min}_${field}`)),
  ]
}

function lookUpValues(row: LookUp, source: Source): (string | null)[] {
  const values = [
    row.system,
    row.station_id,
    row.name,
    text(row.lat),
    text(row.lon),
    text(row.capacity),
    text(row.bikes),
    text(row.docks),
    text(row.mechanical),
    text(row.ebike),
    String(row.in_service),
    iso(row.ts_utc),
    iso(row.tbin_utc),
    source,
    String(source === 'simulate'),
  ]
  if (row.forecast === null) return values
  const { poll_id, predicted_utc, valid_until, stale, horizons } = row.forecast
  values.push(poll_id, iso(predicted_utc), iso(valid_until), String(stale))
  for (const horizon of horizons) {
    values.push(iso(horizon.target_utc), horizon.model_version)
    for (const field of HORIZON_NUMBERS) values.push(text(horizon[field]))
  }
  return values
}

function text(value: number | null): string | null {
  return value === null ? null : String(value)
}

/** Reads a station's hash back: the forecast shares the station's counts and times. Null when there is no such hash. */
export function readLookUp(fields: Fields): LookUp | null {
  const { system, station_id } = fields
  if (system === undefined || station_id === undefined) return null
  const row: LookUp = {
    forecast: null,
    system,
    station_id,
    name: fields.name ?? null,
    lat: number(fields.lat),
    lon: number(fields.lon),
    capacity: number(fields.capacity),
    bikes: number(fields.bikes),
    docks: number(fields.docks),
    mechanical: number(fields.mechanical) ?? 0,
    ebike: number(fields.ebike) ?? 0,
    in_service: fields.in_service === 'true',
    ts_utc: time(fields.ts_utc),
    tbin_utc: time(fields.tbin_utc),
  }
  if (fields.predicted_utc !== undefined) row.forecast = readForecast(fields, row)
  return row
}

function readForecast(fields: Fields, row: LookUp): Forecast {
  const horizons = Object.keys(fields)
    .flatMap((field) => HORIZON_FIELD.exec(field)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
  return {
    system: row.system,
    station_id: row.station_id,
    poll_id: fields.poll_id ?? '',
    tbin_utc: row.tbin_utc,
    ts_utc: row.ts_utc,
    predicted_utc: time(fields.predicted_utc),
    valid_until: time(fields.valid_until),
    stale: fields.stale === 'true',
    bikes: row.bikes ?? 0,
    docks: row.docks,
    capacity: row.capacity,
    horizons: horizons.map((horizon) => readHorizon(fields, horizon)),
  }
}

function readHorizon(fields: Fields, horizon: number): HorizonForecast {
  const start = `h${horizon}_`
  const numbers = Object.fromEntries(
    HORIZON_NUMBERS.map((field) => [field, number(fields[start + field])]),
  ) as Record<(typeof HORIZON_NUMBERS)[number], number | null>
  return {
    horizon_min: horizon,
    target_utc: time(fields[`${start}target_utc`]),
    ...numbers,
    bikes_mean: numbers.bikes_mean ?? 0,
    bikes_median: numbers.bikes_median ?? 0,
    model_version: fields[`${start}model_version`] ?? '',
  }
}

/** The hash of a system: `velocast:{<system>}:meta`. `horizons` is a comma-separated list, `model_versions` JSON. */
export function systemFields(system: Omit<SystemLookUp, 'sequence'>): Fields {
  return texts({
    ...system,
    simulated: system.source === 'simulate',
    tbin_utc: iso(system.tbin_utc),
    ts_utc: iso(system.ts_utc),
    fetched_utc: iso(system.fetched_utc),
    horizons: system.horizons.join(','),
    model_versions: JSON.stringify(system.model_versions),
  })
}

/** Null when there is no such hash, or when it has never been completed. */
export function readSystem(fields: Fields): SystemLookUp | null {
  if (fields.system === undefined || fields.sequence === undefined) return null
  return {
    system: fields.system,
    source: SOURCES.find((source) => source === fields.source) ?? 'live',
    poll_id: fields.poll_id ?? '',
    outcome: fields.outcome ?? '',
    tbin_utc: time(fields.tbin_utc),
    ts_utc: time(fields.ts_utc),
    fetched_utc: time(fields.fetched_utc),
    stations: number(fields.stations) ?? 0,
    stale: fields.stale === 'true',
    withheld: fields.withheld === 'true',
    horizons: (fields.horizons ?? '')
      .split(',')
      .filter((text) => text !== '')
      .map(Number),
    model_versions: JSON.parse(fields.model_versions ?? '{}') as Record<string, string>,
    sequence: Number(fields.sequence),
  }
}

function texts(values: Record<string, Value>): Fields {
  const fields: Fields = {}
  for (const field in values) {
    const value = values[field]!
    if (value !== null) fields[field] = String(value)
  }
  return fields
}

/** The few times that all rows of a publish share, as texts. */
const isoTexts = new Map<number, string>()
const MOST_ISO_TEXTS = 256

function iso(utc: number): string {
  let found = isoTexts.get(utc)
  if (found === undefined) {
    if (isoTexts.size === MOST_ISO_TEXTS) isoTexts.clear()
    found = new Date(utc).toISOString()
    isoTexts.set(utc, found)
  }
  return found
}

function time(text: string | undefined): number {
  return text === undefined ? 0 : Date.parse(text)
}

function number(text: string | undefined): number | null {
  return text === undefined ? null : Number(text)
}
