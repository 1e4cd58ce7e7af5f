import { floorHour } from './bin.ts'

/** One hour of weather at a system's point. `hour_utc` and `issued_utc` are epoch ms. */
export interface WeatherHour {
  hour_utc: number
  /** Degrees Celsius. */
  temp_C: number | null
  /** Millimetres in the hour. */
  precip_mm: number | null
  /** Metres per second at 10 m. */
  wind_mps: number | null
}

/** One answer of the weather provider. Record `WeatherReport`, key system/point. Units are asserted on reading. */
export interface WeatherReport {
  system: string
  /** `lat,lon` of the system's weather point, degrees. */
  point: string
  issued_utc: number
  hours: WeatherHour[]
}

/** The weather columns of an observation: values for the hour that holds the bin, or nulls throughout. */
export interface WeatherAtBin {
  temp_C: number | null
  precip_mm: number | null
  wind_mps: number | null
  weather_hour: number | null
  weather_issued: number | null
}

export const NO_WEATHER: WeatherAtBin = Object.freeze({
  temp_C: null,
  precip_mm: null,
  wind_mps: null,
  weather_hour: null,
  weather_issued: null,
})

/** Values of `report` for the hour that holds `bin`, in single precision; `NO_WEATHER` when it has none. */
export function weatherAt(report: WeatherReport | null, bin: number): WeatherAtBin {
  const hour = floorHour(bin)
  const found = report?.hours.find((candidate) => candidate.hour_utc === hour)
  if (report === null || found === undefined) return NO_WEATHER
  return {
    temp_C: single(found.temp_C),
    precip_mm: single(found.precip_mm),
    wind_mps: single(found.wind_mps),
    weather_hour: hour,
    weather_issued: report.issued_utc,
  }
}

function single(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : Math.fround(value)
}
