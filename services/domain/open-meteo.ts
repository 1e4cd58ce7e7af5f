import { HOUR_MS } from './bin.ts'
import { ReadingError, shown } from './reading-error.ts'
import type { WeatherHour, WeatherReport } from './weather.ts'

/** The hourly variables that are asked for, and what each becomes. */
const VARIABLES = {
  temperature_2m: 'temp_C',
  precipitation: 'precip_mm',
  wind_speed_10m: 'wind_mps',
} as const
type Variable = keyof typeof VARIABLES

/**
 * Exact factors to our unit, by the unit that the answer states. International mile 1,609.344 m, nautical mile
 * 1,852 m, inch 25.4 mm. A unit that is not here is refused, never assumed.
 */
const UNITS: Record<Variable, Record<string, (value: number) => number>> = {
  temperature_2m: {
    '°C': (value) => value,
    '°F': (value) => ((value - 32) * 5) / 9,
    K: (value) => value - 273.15,
  },
  precipitation: {
    mm: (value) => value,
    cm: (value) => value * 10,
    inch: (value) => value * 25.4,
  },
  wind_speed_10m: {
    'm/s': (value) => value,
    'km/h': (value) => value / 3.6,
    'mp/h': (value) => value * 0.44704,
    mph: (value) => value * 0.44704,
    kn: (value) => (value * 1852) / 3600,
  },
}

/** The address that asks for a point's weather: two days back, two ahead, UTC, m/s. */
export function weatherAddress({ base, lat, lon }: { base: string; lat: number; lon: number }): string {
  const url = new URL(base)
  const query = {
    latitude: lat,
    longitude: lon,
    hourly: Object.keys(VARIABLES).join(','),
    wind_speed_unit: 'ms',
    past_days: 2,
    forecast_days: 2,
    timezone: 'UTC',
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value))
  return url.href
}

/** `lat,lon`: a weather point's name in keys. */
export function weatherPoint({ lat, lon }: { lat: number; lon: number }): string {
  return `${lat},${lon}`
}

/**
 * Reads an hourly answer of Open-Meteo. Units are those that `hourly_units` states, converted exactly to °C, mm and
 * m/s; local times are brought to UTC by `utc_offset_seconds`. A value that is no number is null.
 * Throws ReadingError `weather_malformed` (also with the provider's own reason) and `weather_unit`.
 */
export function parseOpenMeteo(options: {
  json: unknown
  system: string
  point: string
  issuedUtc: number
}): WeatherReport {
  const { json, system, point, issuedUtc } = options
  if (!isRecord(json)) throw malformed('answer must be a JSON object', json)
  if (json.error === true) throw malformed('provider refused the request', json.reason)
  const { hourly, hourly_units: units } = json
  if (!isRecord(hourly) || !isRecord(units)) {
    throw malformed(
      'answer must have "hourly" and "hourly_units": ask for hourly values',
      Object.keys(json).join(', '),
    )
  }
  const times = readTimes(hourly.time, units.time, json.utc_offset_seconds ?? 0)
  const columns = {
    temp_C: readColumn('temperature_2m', hourly, units, times.length),
    precip_mm: readColumn('precipitation', hourly, units, times.length),
    wind_mps: readColumn('wind_speed_10m', hourly, units, times.length),
  }
  const hours = times.map(
    (hour_utc, index): WeatherHour => ({
      hour_utc,
      temp_C: columns.temp_C[index] ?? null,
      precip_mm: columns.precip_mm[index] ?? null,
      wind_mps: columns.wind_mps[index] ?? null,
    }),
  )
  return { system, point, issued_utc: issuedUtc, hours }
}

const LOCAL_HOUR = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/

function readTimes(value: unknown, unit: unknown, offsetSeconds: unknown): number[] {
  if (!Array.isArray(value) || value.length === 0)
    throw malformed('"hourly.time" must be a list of hours', value)
  if (typeof offsetSeconds !== 'number' || !Number.isInteger(offsetSeconds)) {
    throw malformed('"utc_offset_seconds" must be whole seconds', offsetSeconds)
  }
  if (unit !== 'iso8601' && unit !== 'unixtime') {
    throw new ReadingError({
      code: 'weather_unit',
      message: `weather time must be iso8601 or unixtime: ask for one of these, got ${shown(unit ?? null)}`,
    })
  }
  return value.map((time: unknown) => {
    const utc =
      unit === 'iso8601' && typeof time === 'string' && LOCAL_HOUR.test(time)
        ? Date.parse(`${time}Z`) - offsetSeconds * 1000
        : unit === 'unixtime' && typeof time === 'number'
          ? time * 1000
          : Number.NaN
    if (!Number.isInteger(utc) || utc % HOUR_MS !== 0) {
      throw malformed('weather hours must be whole hours of UTC: ask for timezone=UTC', time)
    }
    return utc
  })
}

function readColumn(
  variable: Variable,
  hourly: Record<string, unknown>,
  units: Record<string, unknown>,
  length: number,
): (number | null)[] {
  const values = hourly[variable]
  if (!Array.isArray(values) || values.length !== length) {
    throw malformed(`"hourly.${variable}" must be a list as long as "hourly.time"`, values ?? null)
  }
  const unit = units[variable]
  const known = UNITS[variable]
  const convert = typeof unit === 'string' && Object.hasOwn(known, unit) ? known[unit] : undefined
  if (convert === undefined) {
    throw new ReadingError({
      code: 'weather_unit',
      message: `weather ${variable} must be in one of ${Object.keys(known).join(', ')}: nothing is assumed, got ${shown(unit ?? null)}`,
    })
  }
  return values.map((value: unknown) =>
    typeof value === 'number' && Number.isFinite(value) ? convert(value) : null,
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function malformed(problem: string, value: unknown): ReadingError {
  return new ReadingError({ code: 'weather_malformed', message: `weather ${problem}, got ${shown(value)}` })
}
