import { floorHour, HOUR_MS } from '../../domain/bin.ts'
import type { City } from './city.ts'
import { openMeteoTime } from './weather.ts'

/** Factors from metres per second to what Open-Meteo offers, with the unit as its answer states it. */
const WIND_UNITS: Record<string, { factor: number; unit: string }> = {
  ms: { factor: 1, unit: 'm/s' },
  kmh: { factor: 3.6, unit: 'km/h' },
  mph: { factor: 2.236936, unit: 'mp/h' },
  kn: { factor: 1.943844, unit: 'kn' },
}

export interface ForecastQuery {
  latitude: number
  longitude: number
  pastDays: number
  forecastDays: number
  /** Default of Open-Meteo: kmh. */
  windUnit: string
}

/**
 * An answer of Open-Meteo's `/v1/forecast` for the simulated city, in UTC: whole days from `pastDays` ago, hours after
 * `issued` as a forecast with its error. Null for an unknown unit of wind.
 */
export function openMeteoForecast({
  city,
  issued,
  query,
}: {
  city: City
  issued: number
  query: ForecastQuery
}): Record<string, unknown> | null {
  const wind = WIND_UNITS[query.windUnit]
  if (wind === undefined) return null
  const today = Math.floor(issued / (24 * HOUR_MS)) * 24 * HOUR_MS
  const first = today - query.pastDays * 24 * HOUR_MS
  const count = (query.pastDays + query.forecastDays) * 24
  const hours = Array.from({ length: count }, (_, index) =>
    city.weatherAsKnown(first + index * HOUR_MS, floorHour(issued)),
  )
  return {
    latitude: query.latitude,
    longitude: query.longitude,
    generationtime_ms: 0,
    utc_offset_seconds: 0,
    timezone: 'GMT',
    timezone_abbreviation: 'GMT',
    elevation: 0,
    hourly_units: {
      time: 'iso8601',
      temperature_2m: '°C',
      precipitation: 'mm',
      wind_speed_10m: wind.unit,
    },
    hourly: {
      time: hours.map(({ hour_utc }) => openMeteoTime(hour_utc)),
      temperature_2m: hours.map(({ temp_C }) => temp_C),
      precipitation: hours.map(({ precip_mm }) => precip_mm),
      wind_speed_10m: hours.map(({ wind_mps }) =>
        wind_mps === null ? null : Math.round(wind_mps * wind.factor * 100) / 100,
      ),
    },
  }
}
