import { DAY_MS, floorBin } from './bin.ts'
import type { EventTime } from './event-time.ts'
import type { StationDescription } from './gbfs/information.ts'
import type { Observation } from './observation.ts'
import type { Refusal, StationState } from './status.ts'
import { NO_WEATHER, type WeatherAtBin, type WeatherReport, weatherAt } from './weather.ts'

/**
 * Weather issued longer than this before the event time is not used, even where its forecast hours still cover the
 * bin: a temperature foretold a day ahead is still nearer than none, beyond that the provider is down.
 */
export const WEATHER_AGE_LIMIT_MS = DAY_MS

/** Weather of an event time's bin, in single precision; nulls when the report is too old or has no such hour. */
export function weatherOf(report: WeatherReport | null, ts: number): WeatherAtBin {
  if (report === null || ts - report.issued_utc > WEATHER_AGE_LIMIT_MS) return NO_WEATHER
  return weatherAt(report, floorBin(ts))
}

/**
 * Makes a poll's observations complete (law 2): description, weather of the event time's bin, poll id, index and count.
 * A station without a description keeps null name, place and capacity. A station whose last report is more than a day
 * after both event and fetch time is refused as `last_reported_far_ahead`.
 */
export function enrichPoll(options: {
  system: string
  pollId: string
  time: EventTime
  publishedUtc: number | null
  stations: readonly StationState[]
  descriptions: ReadonlyMap<string, StationDescription>
  weather: WeatherReport | null
}): { observations: Observation[]; refused: Refusal[] } {
  const { system, pollId, time, publishedUtc, descriptions } = options
  const latest = Math.max(time.ts_utc, time.fetched_utc) + DAY_MS
  const refused: Refusal[] = []
  const stations = options.stations.filter((state) => {
    if (state.last_reported === null || state.last_reported <= latest) return true
    refused.push(reportedFarAhead(state))
    return false
  })
  const weather = weatherOf(options.weather, time.ts_utc)
  const observations = stations.map((state, index): Observation => {
    const described = descriptions.get(state.station_id)
    return {
      system,
      station_id: state.station_id,
      poll_id: pollId,
      poll_index: index,
      poll_count: stations.length,
      ts_utc: time.ts_utc,
      fetched_utc: time.fetched_utc,
      published_utc: publishedUtc,
      last_reported: state.last_reported,
      bikes: state.bikes,
      docks: state.docks,
      mechanical: state.mechanical,
      ebike: state.ebike,
      bikes_disabled: state.bikes_disabled,
      docks_disabled: state.docks_disabled,
      is_installed: state.is_installed,
      is_renting: state.is_renting,
      is_returning: state.is_returning,
      status: state.status,
      capacity: described?.capacity ?? null,
      lat: described?.lat ?? null,
      lon: described?.lon ?? null,
      name: described?.name ?? null,
      temp_C: weather.temp_C,
      precip_mm: weather.precip_mm,
      wind_mps: weather.wind_mps,
      weather_hour: weather.weather_hour,
      weather_issued: weather.weather_issued,
    }
  })
  return { observations, refused }
}

function reportedFarAhead(state: StationState): Refusal {
  const reported = new Date(state.last_reported ?? 0).toISOString()
  return {
    reason: 'last_reported_far_ahead',
    station_id: state.station_id,
    message: `last_reported is more than a day after the poll: the station's clock is wrong, got ${reported}`,
    raw: state,
  }
}
