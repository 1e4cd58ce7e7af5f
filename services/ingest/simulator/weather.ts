import { HOUR_MS } from '../../domain/bin.ts'
import type { WeatherHour } from '../../domain/weather.ts'
import { type CityCalendar, MINUTE_MS } from './calendar.ts'
import { hashUniform, smoothNoise } from './random.ts'

/** Weather of the hour that starts at `hour_utc` (epoch ms): a function of seed and hour, no state. */
export function weatherOfHour({
  seed,
  hour,
  calendar,
}: {
  seed: number
  hour: number
  calendar: CityCalendar
}): WeatherHour {
  const position = hour / HOUR_MS
  const local = calendar.local(hour)
  const season = -Math.cos((2 * Math.PI * (local.dayOfYear - 20)) / 365.25)
  const day = -Math.cos((2 * Math.PI * (local.hour - 4)) / 24)
  const spell = smoothNoise({ seed: seed + 11, position: position / 60 }) - 0.5
  const front = smoothNoise({ seed: seed + 12, position: position / 17 })
  const shower = smoothNoise({ seed: seed + 13, position: position / 3 })
  const wet = Math.max(0, front * 0.7 + shower * 0.5 - 0.78)
  const temperature = 12 + 8 * season + 4 * day + 9 * spell - 6 * wet
  const wind = 1 + 5 * smoothNoise({ seed: seed + 14, position: position / 9 }) + 8 * wet
  return {
    hour_utc: hour,
    temp_C: Math.round(temperature * 10) / 10,
    precip_mm: Math.round(wet * 80) / 10,
    wind_mps: Math.round(wind * 100) / 100,
  }
}

/**
 * Weather of `hour` as it is known at `issued`: the past as it was, the future with an error that grows to 3 degrees
 * (and showers that come or stay away) at two days' lead.
 */
export function weatherAsKnown({
  seed,
  hour,
  issued,
  calendar,
}: {
  seed: number
  hour: number
  issued: number
  calendar: CityCalendar
}): WeatherHour {
  const truth = weatherOfHour({ seed, hour, calendar })
  const lead = Math.floor((hour - issued) / HOUR_MS)
  if (lead <= 0 || truth.temp_C === null || truth.precip_mm === null || truth.wind_mps === null) return truth
  const run = Math.floor(issued / (6 * HOUR_MS))
  const error = (stream: number): number =>
    (2 * hashUniform(seed, stream, run, hour / HOUR_MS) - 1) * Math.min(1, lead / 48)
  return {
    hour_utc: hour,
    temp_C: Math.round((truth.temp_C + 3 * error(21)) * 10) / 10,
    precip_mm: Math.max(0, Math.round((truth.precip_mm * (1 + error(22)) + error(23) * 0.4) * 10) / 10),
    wind_mps: Math.max(0, Math.round((truth.wind_mps + 2 * error(24)) * 100) / 100),
  }
}

/** Factor on the demand for rides: rain takes up to half of it, cold below 10 degrees 2.5 % a degree. */
export function demandFactor({ temp_C, precip_mm }: WeatherHour): number {
  const rain = 1 - 0.55 * (1 - Math.exp(-(precip_mm ?? 0) / 0.8))
  const cold = 1 - 0.025 * Math.min(20, Math.max(0, 10 - (temp_C ?? 10)))
  return rain * cold
}

/** `YYYY-MM-DDTHH:MM` of a time, as Open-Meteo writes it. */
export function openMeteoTime(utc: number): string {
  return new Date(Math.floor(utc / MINUTE_MS) * MINUTE_MS).toISOString().slice(0, 16)
}
