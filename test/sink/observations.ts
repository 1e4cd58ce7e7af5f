import { floorBin } from '../../services/domain/bin.ts'
import { compareObservations, type Observation } from '../../services/domain/observation.ts'
import type { PollRecord } from '../../services/domain/poll.ts'

/** A whole observation; `over` says what differs. */
export function observationOf(over: Partial<Observation> & Pick<Observation, 'ts_utc'>): Observation {
  return {
    system: 'town',
    station_id: '1',
    poll_id: `town-${over.ts_utc}`,
    poll_index: 0,
    poll_count: 1,
    fetched_utc: over.ts_utc + 1_500,
    published_utc: over.ts_utc,
    last_reported: over.ts_utc - 60_000,
    bikes: 5,
    docks: 9,
    mechanical: 3,
    ebike: 2,
    bikes_disabled: null,
    docks_disabled: 1,
    is_installed: true,
    is_renting: true,
    is_returning: true,
    status: 'OK',
    capacity: 15,
    lat: 48.85,
    lon: 2.35,
    name: "Quai de l'Horloge | é",
    temp_C: Math.fround(11.3),
    precip_mm: 0,
    wind_mps: null,
    weather_hour: Math.floor(over.ts_utc / 3_600_000) * 3_600_000,
    weather_issued: null,
    ...over,
  }
}

export interface Poll {
  observations: Observation[]
  record: PollRecord
}

/** A poll of `stations` stations at `ts`, whose values follow from the time and `seed` alone. */
export function pollOf(options: {
  ts: number
  stations?: number
  seed?: number
  fetched?: number
  system?: string
  pollId?: string
}): Poll {
  const { ts, stations = 4, seed = 0, fetched = ts + 1_500, system = 'town' } = options
  const poll_id = options.pollId ?? `${system}-${ts}-${fetched}-${seed}`
  const observations = Array.from({ length: stations }, (_, index) =>
    observationOf({
      system,
      ts_utc: ts,
      fetched_utc: fetched,
      poll_id,
      poll_index: index,
      poll_count: stations,
      station_id: String(20_702_783_198 + index),
      bikes: (index * 7 + Math.floor(ts / 60_000) + seed) % 16,
      name: index === 1 ? null : `Gare n° ${index}`,
    }),
  )
  return {
    observations,
    record: pollRecordOf({ poll_id, system, ts_utc: ts, fetched_utc: fetched, rows: stations }),
  }
}

export function pollRecordOf(over: Partial<PollRecord> & Pick<PollRecord, 'poll_id'>): PollRecord {
  return {
    system: 'town',
    outcome: 'ok',
    reason: null,
    rows: 0,
    refused: { station_duplicate: 1, count_missing: 2 },
    ts_utc: null,
    ts_source: 'published',
    published_utc: over.ts_utc ?? null,
    fetched_utc: 0,
    duration_ms: 12.5,
    source: 'replay',
    ttl_s: 60,
    gbfs_version: '2.3',
    ...over,
  }
}

/** What a day must hold, computed without Parquet, SQL or the sink: of each station and bin the last. */
export function lastOfEach(observations: Iterable<Observation>, day: string): Observation[] {
  const last = new Map<string, Observation>()
  for (const observation of observations) {
    if (new Date(floorBin(observation.ts_utc)).toISOString().slice(0, 10) !== day) continue
    const key = `${observation.station_id} ${floorBin(observation.ts_utc)}`
    const existing = last.get(key)
    if (existing === undefined || compareObservations(existing, observation) < 0) last.set(key, observation)
  }
  return [...last.values()].sort((a, b) =>
    a.station_id === b.station_id ? a.ts_utc - b.ts_utc : a.station_id < b.station_id ? -1 : 1,
  )
}
