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

/** A station's hash: plain texts, times in ISO 8601 UTC. The layout is a public contract: docs/contracts.md. */
export function lookUpFields(row: LookUp, source: Source): Fields {
  const { forecast } = row
  const values: Record<string, Value> = {
    system: row.system,
    station_id: row.station_id,
    name: row.name,
    lat: row.lat,
    lon: row.lon,
    capacity: row.capacity,
    bikes: row.bikes,
    docks: row.docks,
    mechanical: row.mechanical,
    ebike: row.ebike,
    in_service: row.in_service,
    ts_utc: iso(row.ts_utc),
    tbin_utc: iso(row.tbin_utc),
    source,
    simulated: source === 'simulate',
  }
  if (forecast !== null) {
    values.poll_id = forecast.poll_id
    values.predicted_utc = iso(forecast.predicted_utc)
    values.valid_until = iso(forecast.valid_until)
    values.stale = forecast.stale
    for (const horizon of forecast.horizons) {
      const start = `h${horizon.horizon_min}_`
      values[`${start}target_utc`] = iso(horizon.target_utc)
      values[`${start}model_version`] = horizon.model_version
      for (const field of HORIZON_NUMBERS) {
        if (horizon[field] !== null) values[start + field] = horizon[field]
      }
    }
  }
  return texts(values)
}

/** Reads `lookUpFields` back: the forecast shares the station's counts and times. Null when there is no such hash. */
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
