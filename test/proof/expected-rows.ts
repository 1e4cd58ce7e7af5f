import { createHash } from 'node:crypto'

/** One recorded answer as a person would read it off the disk. */
export interface RecordedPoll {
  body: Buffer
  /** When it was fetched, epoch ms; null when that was not recorded. */
  fetched: number | null
}

export interface RecordedInformation {
  body: Buffer
  /** From when on it is known, epoch ms. */
  from: number
}

/** An answer of Open-Meteo, hourly, in UTC. */
export interface RecordedWeather {
  body: Buffer
  /** When it was issued, epoch ms. */
  issued: number
}

/** A row of a daily file: the values of COLUMNS in their order; times are epoch ms. */
export type Row = (string | number | boolean | null)[]

export const COLUMNS = [
  'ts_utc',
  'tbin_utc',
  'station_id',
  'bikes',
  'capacity',
  'mechanical',
  'ebike',
  'status',
  'lat',
  'lon',
  'name',
  'temp_C',
  'precip_mm',
  'wind_mps',
  'docks',
  'bikes_disabled',
  'docks_disabled',
  'last_reported',
  'published_utc',
  'fetched_utc',
  'is_installed',
  'is_renting',
  'is_returning',
  'poll_id',
  'weather_hour',
  'weather_issued',
] as const

interface Station {
  station_id: string
  num_bikes_available?: number
  num_docks_available?: number
  num_bikes_disabled?: number
  num_docks_disabled?: number
  num_ebikes_available?: number
  is_installed?: boolean | number
  is_renting?: boolean | number
  is_returning?: boolean | number
  station_status?: string
  last_reported?: number
}

interface Information {
  station_id: string
  name?: string
  lat?: number
  lon?: number
  capacity?: number
}

const FIVE_MINUTES = 300_000

interface Hourly {
  time: string[]
  temperature_2m: (number | null)[]
  precipitation: (number | null)[]
  wind_speed_10m: (number | null)[]
}

interface Weather {
  issued: number
  hourly: Hourly
}

export interface Recorded {
  polls: RecordedPoll[]
  described: RecordedInformation[]
  weather: RecordedWeather[]
}

/**
 * What the daily files of a recording (GBFS 1.x or 2.x) must hold, computed straight from the JSON and from nothing of
 * the project: one row for each (station, floor5(published time)), the last observation wins, sorted by day, station
 * and bin. A poll that repeats the answer before it, byte for byte, has observed nothing.
 */
export function expectedRows({ polls, described: information, weather }: Recorded): Row[] {
  const described = [...information].sort((a, b) => a.from - b.from)
  const issued = weather.map(({ body, issued }) => ({
    issued,
    hourly: (JSON.parse(body.toString()) as { hourly: Hourly }).hourly,
  }))
  const last = new Map<string, { order: [number, number]; row: Row }>()
  let before: Buffer | null = null
  for (const { body, fetched: recorded } of polls) {
    if (before?.equals(body)) continue
    before = body
    const answer = JSON.parse(body.toString()) as { last_updated?: number; data: { stations: Station[] } }
    const published = answer.last_updated === undefined ? null : answer.last_updated * 1000
    const fetched = recorded ?? published
    if (fetched === null) throw new Error('a recorded poll has neither a published nor a fetch time')
    const ts = published === null || published > fetched + 120_000 ? fetched : published
    const bin = Math.floor(ts / FIVE_MINUTES) * FIVE_MINUTES
    const stations = stationsAt(described, ts)
    const poll = pollId(published ?? fetched, body)
    const sky = weatherOf(issued, fetched, bin)
    for (const station of answer.data.stations) {
      const key = `${station.station_id} ${bin}`
      const known = last.get(key)
      if (known !== undefined && !isLater([ts, fetched], known.order)) continue
      const row = rowOf({
        station,
        information: stations.get(station.station_id),
        ts,
        bin,
        published,
        fetched,
        poll,
        sky,
      })
      last.set(key, { order: [ts, fetched], row })
    }
  }
  return [...last.values()].map(({ row }) => row).sort(byDayStationAndBin)
}

function stationsAt(information: { body: Buffer; from: number }[], ts: number): Map<string, Information> {
  const at = information.findLast(({ from }) => from <= ts) ?? information[0]
  if (at === undefined) return new Map()
  const parsed = JSON.parse(at.body.toString()) as { data: { stations: Information[] } }
  return new Map(parsed.data.stations.map((station) => [station.station_id, station]))
}

function rowOf(given: {
  station: Station
  information: Information | undefined
  ts: number
  bin: number
  published: number | null
  fetched: number
  poll: string
  sky: Row
}): Row {
  const { station, information, ts, bin, published, fetched, poll, sky } = given
  const bikes = station.num_bikes_available ?? null
  const ebike = station.num_ebikes_available ?? 0
  const renting = flag(station.is_renting)
  const returning = flag(station.is_returning)
  return [
    ts,
    bin,
    station.station_id,
    bikes,
    information?.capacity ?? null,
    station.num_ebikes_available === undefined ? 0 : (bikes ?? 0) - ebike,
    ebike,
    station.station_status ? station.station_status : renting && returning ? 'OK' : 'CLOSED',
    information?.lat ?? null,
    information?.lon ?? null,
    information?.name ?? null,
    ...sky.slice(0, 3),
    station.num_docks_available ?? null,
    station.num_bikes_disabled ?? null,
    station.num_docks_disabled ?? null,
    station.last_reported === undefined ? null : station.last_reported * 1000,
    published,
    fetched,
    flag(station.is_installed),
    renting,
    returning,
    poll,
    ...sky.slice(3),
  ]
}

/** Temperature, precipitation, wind, hour and issue time that were known at `fetched` for the hour of `bin`. */
function weatherOf(weather: Weather[], fetched: number, bin: number): Row {
  const known = weather.findLast(({ issued }) => issued <= fetched)
  const hour = Math.floor(bin / 3_600_000) * 3_600_000
  const index = known?.hourly.time.indexOf(new Date(hour).toISOString().slice(0, 16)) ?? -1
  if (known === undefined || index < 0) return [null, null, null, null, null]
  const { temperature_2m, precipitation, wind_speed_10m } = known.hourly
  const values = [temperature_2m, precipitation, wind_speed_10m].map((column) =>
    Math.fround(column[index] ?? Number.NaN),
  )
  return [...values, hour, known.issued]
}

function flag(value: boolean | number | undefined): boolean {
  return value === undefined || value === true || value === 1
}

export function pollId(time: number, body: Buffer): string {
  const stamp = new Date(time).toISOString().replaceAll(/[-:]/g, '').replace('.000Z', 'Z')
  return `${stamp}-${createHash('sha256').update(body).digest('hex').slice(0, 12)}`
}

function isLater([ts, fetched]: [number, number], [oldTs, oldFetched]: [number, number]): boolean {
  return ts > oldTs || (ts === oldTs && fetched > oldFetched)
}

export function byDayStationAndBin(a: Row, b: Row): number {
  const day = Math.floor(Number(a[1]) / 86_400_000) - Math.floor(Number(b[1]) / 86_400_000)
  if (day !== 0) return day
  const station = Buffer.compare(Buffer.from(String(a[2])), Buffer.from(String(b[2])))
  return station === 0 ? Number(a[1]) - Number(b[1]) : station
}
