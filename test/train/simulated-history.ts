import { DAY_MS, dayName } from '../../services/domain/bin.ts'
import { enrichPoll } from '../../services/domain/enrich.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { informationOf, pollAnswerOf, recordCity, weatherOf } from '../../services/ingest/simulator/record.ts'
import { dailyPath } from '../../services/platform/object-store/layout.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { encodeBronze } from '../../services/platform/parquet/bronze.ts'

export const CITY = 'simulated-city'
export const HISTORY_START = Date.parse('2026-03-02T00:00:00Z')

/** Rows of a seeded simulated city's UTC days, a poll every five minutes, as a daily file holds them. */
export function* simulatedDays({
  days,
  stations,
  seed = 1,
}: {
  days: number
  stations: number
  seed?: number
}): Generator<{ day: string; rows: Observation[] }> {
  let rows: Observation[] = []
  let day = dayName(HISTORY_START)
  const end = HISTORY_START + days * DAY_MS
  const polls = recordCity({
    seed,
    stations,
    start: HISTORY_START,
    end,
    pollSeconds: 300,
    timezone: 'Europe/Paris',
  })
  for (const poll of polls) {
    const answer = pollAnswerOf(poll)
    if (answer.kind !== 'status') continue
    const ts = poll.fetched_utc - 5_000
    if (dayName(ts) !== day) {
      yield { day, rows }
      rows = []
      day = dayName(ts)
    }
    const { observations } = enrichPoll({
      system: CITY,
      pollId: `poll-${ts}`,
      time: { ts_utc: ts, fetched_utc: poll.fetched_utc, ts_source: 'published' },
      publishedUtc: ts,
      stations: answer.status.stations,
      descriptions: new Map(informationOf(poll).map((station) => [station.station_id, station])),
      weather: weatherOf(poll, CITY),
    })
    rows.push(...observations)
  }
  yield { day, rows }
}

const encoded = new WeakMap<Observation[], Uint8Array>()

/** Rows that many tests write are encoded once. */
function bytesOf(rows: Observation[]): Uint8Array {
  const bytes = encoded.get(rows) ?? encodeBronze({ rows })
  encoded.set(rows, bytes)
  return bytes
}

/** Writes daily files; `change` may alter a day's rows, or drop the day with null. */
export async function writeDailies(
  objects: Pick<ObjectStore, 'put'>,
  days: Iterable<{ day: string; rows: Observation[] }>,
  change: (day: { day: string; rows: Observation[] }) => Observation[] | null = ({ rows }) => rows,
): Promise<void> {
  for (const each of days) {
    const rows = change(each)
    if (rows !== null) await objects.put(dailyPath(CITY, each.day), bytesOf(rows))
  }
}
