import { BIN_MS, DAY_MS, HOUR_MS } from '../../services/domain/bin.ts'
import type { Observation } from '../../services/domain/observation.ts'
import type { PollRecord } from '../../services/domain/poll.ts'

/** Monday 2024-09-02, 00:00 UTC. */
export const CITY_START = Date.UTC(2024, 8, 2)

/** A seeded source of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export interface CityPoll {
  poll: PollRecord
  observations: Observation[]
}

/** How lively the network is, 0..1: quiet nights, two rush hours on weekdays, slow weekends. */
function liveliness(bin: number): number {
  const hour = (bin % DAY_MS) / HOUR_MS
  const weekend = [5, 6].includes(Math.floor((bin - CITY_START) / DAY_MS) % 7)
  if (hour < 5) return 0.004
  const rush = weekend ? 0 : 0.3 * (Math.exp(-((hour - 8) ** 2) / 2) + Math.exp(-((hour - 18) ** 2) / 3))
  return 0.15 + rush
}

/**
 * One poll for every five minutes of a city: stations drift about a daily profile of their own, as commuters fill
 * and empty them. Deterministic. Station 3 is closed and never moves.
 */
export function cityPolls({
  days,
  stations,
  seed = 1,
  system = 'test-city',
  start = CITY_START,
}: {
  days: number
  stations: number
  seed?: number
  system?: string
  start?: number
}): CityPoll[] {
  const random = seeded(seed)
  const fleet = Array.from({ length: stations }, (_, index) => {
    const capacity = 12 + Math.floor(random() * 28)
    return {
      id: `s${String(index).padStart(3, '0')}`,
      capacity,
      base: 0.3 + 0.3 * random(),
      swing: 0.05 + 0.2 * random(),
      phase: random() * 2 * Math.PI,
      pace: 0.5 + random(),
      closed: index === 3,
      bikes: Math.floor(capacity * 0.45),
    }
  })
  const polls: CityPoll[] = []
  for (let bin = start; bin < start + days * DAY_MS; bin += BIN_MS) {
    const ts = bin + 61_000
    const fetched = ts + 12_000
    const poll_id = `${new Date(ts).toISOString()}-${seed}`
    const hour = Math.floor(bin / HOUR_MS) * HOUR_MS
    const temp = Math.fround(18 + 6 * Math.sin((2 * Math.PI * ((bin % DAY_MS) / HOUR_MS - 9)) / 24))
    const observations = fleet.map((station, index): Observation => {
      const day = 2 * Math.PI * ((bin % DAY_MS) / DAY_MS)
      const target = station.capacity * (station.base + station.swing * Math.sin(day + station.phase))
      if (!station.closed && random() < Math.min(0.95, liveliness(bin) * station.pace * 1.3)) {
        const towards = random() < 0.5 + Math.max(-0.4, Math.min(0.4, (target - station.bikes) / 6)) ? 1 : -1
        station.bikes = Math.max(0, Math.min(station.capacity, station.bikes + towards))
      }
      const { bikes, capacity, closed } = station
      return {
        system,
        station_id: station.id,
        poll_id,
        poll_index: index,
        poll_count: stations,
        ts_utc: ts,
        fetched_utc: fetched,
        published_utc: ts,
        last_reported: ts - (index % 7) * 60_000,
        bikes: closed ? 0 : bikes,
        docks: closed ? 0 : capacity - bikes,
        mechanical: closed ? 0 : bikes - Math.floor(bikes / 3),
        ebike: closed ? 0 : Math.floor(bikes / 3),
        bikes_disabled: 0,
        docks_disabled: 0,
        is_installed: !closed,
        is_renting: !closed,
        is_returning: !closed,
        status: closed ? 'CLOSED' : 'OK',
        capacity,
        lat: 48.8 + index / 1000,
        lon: 2.3 + index / 1000,
        name: `Station ${index}`,
        temp_C: temp,
        precip_mm: 0,
        wind_mps: Math.fround(3),
        weather_hour: hour,
        weather_issued: hour,
      }
    })
    polls.push({ poll: pollOf(observations, { system, poll_id, ts, fetched }), observations })
  }
  return polls
}

function pollOf(
  observations: Observation[],
  { system, poll_id, ts, fetched }: { system: string; poll_id: string; ts: number; fetched: number },
): PollRecord {
  return {
    system,
    poll_id,
    outcome: 'ok',
    reason: null,
    rows: observations.length,
    refused: {},
    ts_utc: ts,
    ts_source: 'published',
    published_utc: ts,
    fetched_utc: fetched,
    duration_ms: 40,
    source: 'simulate',
    ttl_s: 60,
    gbfs_version: '2.3',
  }
}

/** Bikes and docks of an observation set anew; the split follows. */
export function withBikes(observation: Observation, bikes: number): Observation {
  const capacity = observation.capacity ?? 0
  const held = Math.min(capacity, bikes)
  const ebike = Math.floor(held / 3)
  return { ...observation, bikes: held, docks: capacity - held, mechanical: held - ebike, ebike }
}

/** Faults, each a change of some polls from `from` (epoch ms) up to `until`. */
export type Fault = (polls: readonly CityPoll[]) => CityPoll[]

function between(
  from: number,
  until: number,
  change: (poll: CityPoll, before: CityPoll) => CityPoll[],
): Fault {
  return (polls) => {
    let before = polls[0]!
    return polls.flatMap((entry) => {
      const ts = entry.poll.ts_utc ?? 0
      if (ts < from || ts >= until) {
        before = entry
        return [entry]
      }
      return change(entry, before)
    })
  }
}

/** The same answer, fetched once more. */
function fetchedLater({ poll, observations }: CityPoll, ms: number): CityPoll {
  const fetched_utc = poll.fetched_utc + ms
  return {
    poll: { ...poll, fetched_utc },
    observations: observations.map((row) => ({ ...row, fetched_utc })),
  }
}

export const faults = {
  gap: (from: number, until: number) => between(from, until, () => []),
  failing: (from: number, until: number) =>
    between(from, until, ({ poll }) => [
      {
        poll: {
          ...poll,
          outcome: 'failed',
          reason: 'feed_timeout',
          rows: 0,
          ts_utc: null,
          ts_source: 'none',
          published_utc: null,
          poll_id: `${poll.poll_id}-failed`,
        },
        observations: [],
      },
    ]),
  flat: (from: number, until: number, station: string) =>
    between(from, until, ({ poll, observations }, before) => {
      const stuck = before.observations.find(({ station_id }) => station_id === station)!
      return [
        {
          poll,
          observations: observations.map((row) =>
            row.station_id === station ? withBikes(row, stuck.bikes!) : row,
          ),
        },
      ]
    }),
  duplicate: (from: number, until: number) =>
    between(from, until, (entry) => [entry, fetchedLater(entry, 20_000)]),
  stale: (from: number, until: number) =>
    between(from, until, ({ poll }, before) => [
      {
        poll: {
          ...poll,
          poll_id: `${poll.poll_id}-unchanged`,
          outcome: 'unchanged',
          rows: 0,
          ts_utc: before.poll.ts_utc,
          published_utc: before.poll.published_utc,
        },
        observations: [],
      },
    ]),
  frozen: (from: number, until: number) =>
    between(from, until, ({ poll, observations }, before) => [
      {
        poll,
        observations: observations.map((row, index) => withBikes(row, before.observations[index]!.bikes!)),
      },
    ]),
  fuller: (from: number, until: number) =>
    between(from, until, ({ poll, observations }) => [
      {
        poll,
        observations: observations.map((row) =>
          row.is_installed ? withBikes(row, Math.round(row.bikes! * 1.3)) : row,
        ),
      },
    ]),
  weather: (from: number, until: number) =>
    between(from, until, ({ poll, observations }) => [
      {
        poll,
        observations: observations.map((row) => ({
          ...row,
          temp_C: Math.fround(row.temp_C! - 14),
          precip_mm: Math.fround(2.5),
          wind_mps: Math.fround(11),
        })),
      },
    ]),
} satisfies Record<string, (from: number, until: number, station: string) => Fault>
