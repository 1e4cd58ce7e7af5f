import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Fault } from '../../services/ingest/simulator/faults.ts'
import { type RecordedPoll, recordCity, writeRecording } from '../../services/ingest/simulator/record.ts'
import type { SentPoll, SentStation } from './history.ts'

export interface RecordedSystem {
  id: string
  /** Directory of the recording. */
  from: string
  timezone: string
}

export interface Recordings {
  systems: RecordedSystem[]
  sent: SentPoll[]
  /** Observations in all. */
  rows: number
}

export interface RecordingsOptions {
  directory: string
  seed: number
  /** Default 12. */
  systems?: number
  /** First poll, epoch ms; default an evening before a day's end. */
  start?: number
  /** Default three and a half hours, past midnight UTC. */
  minutes?: number
  /** Default 150. */
  pollSeconds?: number
}

const ZONES = ['Europe/Paris', 'America/New_York', 'Asia/Tokyo', 'Australia/Sydney'] as const
const MINUTE_MS = 60_000

/** Polls that are late, repeated or missing, stations that are malformed or written twice. */
const FAULTS: readonly Fault[] = [
  { kind: 'missing', share: 0.05 },
  { kind: 'duplicate_poll', share: 0.05 },
  { kind: 'late', share: 0.05, minutes: 12 },
]
const BROKEN: readonly Fault[] = [
  { kind: 'malformed', share: 0.1, stations: 5 },
  { kind: 'duplicate_stations', share: 0.1, stations: 3 },
]
const VERY_LATE: readonly Fault[] = [{ kind: 'late', share: 0.04, minutes: 75 }]

/** Recordings of seeded cities of 20 to 40 stations, written below `directory`, and what their feeds said. */
export async function recordSystems(options: RecordingsOptions): Promise<Recordings> {
  const { directory, seed, systems: count = 12, minutes = 210, pollSeconds = 150 } = options
  const start = options.start ?? Date.UTC(2026, 2, 10, 21, 30)
  const cities: RecordedCity[] = []
  for (let place = 0; place < count; place++) {
    const id = `city-${String(place).padStart(2, '0')}`
    const timezone = ZONES[place % ZONES.length]!
    const faults = [...FAULTS, ...(place % 3 === 0 ? BROKEN : []), ...(place % 3 === 1 ? VERY_LATE : [])]
    const city = { seed: seed * 100 + place, stations: 20 + ((place * 7) % 21), timezone }
    const polls = [...recordCity({ ...city, start, end: start + minutes * MINUTE_MS, pollSeconds, faults })]
    cities.push({ id, timezone, polls })
  }
  return writeRecordings(directory, cities)
}

export interface RecordedCity {
  id: string
  timezone: string
  polls: RecordedPoll[]
}

/** Writes each city's polls below `directory`; gives also what their feeds said. */
export async function writeRecordings(
  directory: string,
  cities: readonly RecordedCity[],
): Promise<Recordings> {
  const systems: RecordedSystem[] = []
  const sent: SentPoll[] = []
  for (const { id, timezone, polls } of cities) {
    const from = join(directory, id)
    await writeRecording({ polls, directory: from })
    sent.push(...polls.flatMap((poll) => sentPoll(id, poll)))
    systems.push({ id, from, timezone })
  }
  return { systems, sent, rows: sent.reduce((sum, { stations }) => sum + stations.length, 0) }
}

function sentPoll(system: string, { status, fetched_utc }: RecordedPoll): SentPoll[] {
  if (status === null) return []
  const { last_updated, data } = status as { last_updated: number; data: { stations: unknown[] } }
  const stations = new Map<string, SentStation>()
  for (const given of data.stations) {
    const station = taken(given)
    if (station !== null && !stations.has(station.station_id)) stations.set(station.station_id, station)
  }
  const content = createHash('sha256').update(JSON.stringify(status)).digest('hex')
  return [
    { system, fetched_utc, published_utc: last_updated * 1000, content, stations: [...stations.values()] },
  ]
}

/** The station when nothing of it is malformed. */
function taken(given: unknown): SentStation | null {
  if (typeof given !== 'object' || given === null) return null
  const station = given as Record<string, unknown>
  const { station_id, num_bikes_available: bikes, num_docks_available: docks, is_renting: renting } = station
  const whole = (count: unknown): count is number => Number.isInteger(count) && (count as number) >= 0
  if (typeof station_id !== 'string' || !whole(bikes) || !whole(docks)) return null
  if (typeof renting !== 'boolean' && renting !== 0 && renting !== 1) return null
  return { station_id, bikes, docks, ebike: Number(station.num_ebikes_available) }
}
