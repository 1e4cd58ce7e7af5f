import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { HOUR_MS } from '../../domain/bin.ts'
import { parseInformation, type StationDescription } from '../../domain/gbfs/information.ts'
import { parseStatus } from '../../domain/gbfs/status.ts'
import { parseVehicleTypes } from '../../domain/gbfs/vehicle-types.ts'
import { parseOpenMeteo } from '../../domain/open-meteo.ts'
import type { WeatherReport } from '../../domain/weather.ts'
import { makeDirectory } from '../../platform/directory.ts'
import type { PollAnswer } from '../poll-answer.ts'
import type { CityOptions } from './city.ts'
import { activeFault, type Fault } from './faults.ts'
import {
  type FeedBody,
  type GbfsVersion,
  stationInformationFile,
  stationStatusFile,
  vehicleTypesFile,
} from './gbfs-feed.ts'
import { openMeteoForecast } from './open-meteo.ts'
import { SnapshotSource } from './snapshot.ts'

export interface RecordCityOptions extends CityOptions {
  /** First poll and the time before which the last one is, epoch ms. */
  start: number
  end: number
  /** Default 60. */
  pollSeconds?: number
  /** How long after the grid a poll's answer comes; default 5. */
  fetchDelaySeconds?: number
  /** A fault without `from` begins at `start`. */
  faults?: readonly Fault[]
  /** Default 1.1, whose status files say everything without a second file. */
  version?: GbfsVersion
}

/** One poll of the simulated city. Polls that `missing` befell are left out. */
export interface RecordedPoll {
  /** When its answer came, epoch ms. */
  fetched_utc: number
  /** Null for a poll that was answered with status 500. */
  status: FeedBody | null
  /** The same object in every poll. */
  information: FeedBody
  /** The same object in every poll. */
  vehicleTypes: FeedBody
  /** Open-Meteo's answer at the poll's hour: two days back, two ahead; the same object all hour. */
  weather: { issued_utc: number; body: FeedBody }
}

/** Polls of a simulated city over a span, in order of their fetch. Lazy: holds one poll. Same options, same polls. */
export function* recordCity({
  start,
  end,
  pollSeconds = 60,
  fetchDelaySeconds = 5,
  faults = [],
  version = '1.1',
  ...city
}: RecordCityOptions): Generator<RecordedPoll> {
  const source = new SnapshotSource(city)
  const active = faults.map((fault) => activeFault(fault, start))
  const information = stationInformationFile({ version, published: start, layout: source.city.layout })
  const vehicleTypes = vehicleTypesFile({ version, published: start })
  let weather: RecordedPoll['weather'] | null = null
  for (let time = start; time < end; time += pollSeconds * 1000) {
    const meeting = source.meet({ faults: active, time, stepMs: pollSeconds * 1000 })
    if (meeting.kind === 'missing') continue
    const issued = Math.floor(time / HOUR_MS) * HOUR_MS
    if (weather?.issued_utc !== issued) weather = weatherIssued(source, issued)
    yield {
      fetched_utc: time + fetchDelaySeconds * 1000,
      status: meeting.kind === 'error' ? null : stationStatusFile({ version, ...meeting }),
      information,
      vehicleTypes,
      weather,
    }
  }
}

function weatherIssued(source: SnapshotSource, issued: number): RecordedPoll['weather'] {
  const { city } = source
  const query = {
    latitude: city.centre.lat,
    longitude: city.centre.lon,
    pastDays: 2,
    forecastDays: 2,
    windUnit: 'ms',
  }
  const body = openMeteoForecast({ city, issued, query })
  if (body === null) throw new TypeError('metres per second is a unit of the simulated weather')
  return { issued_utc: issued, body }
}

/** Makes the answers that a live poll of the city would have given, through the same parsers. */
export function pollAnswerOf(poll: RecordedPoll): PollAnswer {
  const { fetched_utc, status } = poll
  if (status === null) {
    const message = 'simulated feed answered with a status that is no success, got 500'
    return { kind: 'failed', code: 'feed_status', message, fetched_utc, duration_ms: null }
  }
  const { types } = parseVehicleTypes(poll.vehicleTypes)
  return {
    kind: 'status',
    status: parseStatus(status, { vehicleTypes: types }),
    content: createHash('sha256').update(JSON.stringify(status)).digest('hex'),
    fetched_utc,
    duration_ms: null,
  }
}

/** The poll's weather as a system's report. */
export function weatherOf({ weather }: RecordedPoll, system: string): WeatherReport {
  const { body, issued_utc } = weather
  const point = `${body.latitude},${body.longitude}`
  return parseOpenMeteo({ json: body, system, point, issuedUtc: issued_utc })
}

export function informationOf(poll: RecordedPoll): StationDescription[] {
  return parseInformation(poll.information).stations
}

const compress = promisify(gzip)

/** `YYYYMMDDTHHMMSSZ`: the time in a recorded file's name. */
function recordingTime(utc: number): string {
  return `${new Date(utc).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

/**
 * Writes polls as a recording: `station_status_<fetched>.json.gz`, the information and vehicle types once, named by the
 * first poll's fetch, and an hourly `weather_<issued>.json.gz`. Failed polls leave no file, as with a real recorder. Holds one poll at a time.
 */
export async function writeRecording({
  polls,
  directory,
}: {
  polls: Iterable<RecordedPoll>
  directory: string
}): Promise<{ polls: number; failed: number }> {
  makeDirectory(directory)
  const save = async (name: string, body: FeedBody): Promise<void> =>
    writeFile(join(directory, `${name}.json.gz`), await compress(JSON.stringify(body), { level: 1 }))
  let information: FeedBody | null = null
  let issued: number | null = null
  const written = { polls: 0, failed: 0 }
  for (const poll of polls) {
    const time = recordingTime(poll.fetched_utc)
    if (information !== poll.information) {
      information = poll.information
      await save(`station_information_${time}`, information)
      await save(`vehicle_types_${time}`, poll.vehicleTypes)
    }
    if (issued !== poll.weather.issued_utc) {
      issued = poll.weather.issued_utc
      await save(`weather_${recordingTime(issued)}`, poll.weather.body)
    }
    if (poll.status === null) written.failed += 1
    else {
      await save(`station_status_${time}`, poll.status)
      written.polls += 1
    }
  }
  return written
}
