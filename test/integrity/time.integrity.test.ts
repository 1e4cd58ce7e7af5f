/**
 * Guards against clocks that decide about data: a bin that closes because time went by, a watermark that one bad clock
 * throws forward so that everything after it is late, an hour that is lost or doubled when local clocks change.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Fault } from '../../services/ingest/simulator/faults.ts'
import { type RecordedPoll, recordCity } from '../../services/ingest/simulator/record.ts'
import { readFound } from './found.ts'
import { type Found, judge, type SentPoll, summary } from './history.ts'
import { configOf } from './kill-campaign.ts'
import { startPipeline } from './pipeline-run.ts'
import { type ServiceName, STEPS } from './process-plan.ts'
import { type RecordedCity, type Recordings, writeRecordings } from './recordings.ts'
import { SEED, scratchDirectory } from './tier.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const EVENING = Date.UTC(2026, 2, 10, 22)
/** Local clocks of Paris go from 2 to 3 here, and from 3 back to 2 there. */
const SPRING = Date.UTC(2026, 2, 29, 1)
const AUTUMN = Date.UTC(2026, 9, 25, 1)
/** No multiple of the polls' own rhythm. */
const SKEW = 605_000

type Change = (poll: RecordedPoll, place: number) => RecordedPoll

const CITIES: Record<string, { faults?: Fault[]; change?: Change; start?: number; hours?: number }> = {
  'late-by-minutes': { faults: [{ kind: 'late', share: 0.2, minutes: 17 }] },
  'late-by-hours': { faults: [{ kind: 'late', share: 0.1, minutes: 200 }] },
  'late-by-a-day': { faults: [{ kind: 'late', share: 0.05, minutes: 1440 }] },
  'frozen-feed': { faults: [{ kind: 'stale', from: EVENING + HOUR, until: EVENING + 2 * HOUR }] },
  'feed-jumps-back': {
    faults: [{ kind: 'late', from: EVENING + HOUR, until: EVENING + 90 * MINUTE, minutes: 130 }],
  },
  'recorder-down': {
    hours: 5,
    faults: [{ kind: 'missing', from: EVENING + 40 * MINUTE, until: EVENING + 240 * MINUTE }],
  },
  'tomorrow-s-feed': { change: (poll, place) => (place % 7 === 3 ? published(poll, 26 * HOUR) : poll) },
  'feed-ahead': { change: (poll, place) => (place % 5 === 2 ? published(poll, 20 * MINUTE) : poll) },
  'pollers-skewed-ahead': { change: (poll, place) => (place % 2 === 0 ? fetched(poll, SKEW) : poll) },
  'pollers-skewed-behind': { change: (poll, place) => (place % 2 === 0 ? fetched(poll, -SKEW) : poll) },
  'one-bad-station': { change: (poll) => stationAhead(poll) },
  spring: { start: SPRING - 2 * HOUR, hours: 4 },
  autumn: { start: AUTUMN - 2 * HOUR, hours: 4 },
}

let directory: string
let recordings: Recordings
let found: Found
let store: string

beforeAll(async () => {
  directory = scratchDirectory('time')
  const cities = Object.entries(CITIES).map(([id, city], place): RecordedCity => {
    const { start = EVENING, hours = 2.5, faults = [], change = (poll: RecordedPoll) => poll } = city
    const span = { start, end: start + hours * HOUR, pollSeconds: 150, faults }
    const polls = [...recordCity({ seed: SEED + place, stations: 20, ...span })].map(change)
    return { id, timezone: 'Europe/Paris', polls }
  })
  recordings = await writeRecordings(join(directory, 'recordings'), cities)
  const data = join(directory, 'data')
  store = join(data, 'store')
  const stateFile = join(directory, 'state.json')
  // One city's recording after the other where they differ in length: see shared-partition.integrity.test.ts.
  const last = recordings.systems.filter(({ id }) => CITIES[id]?.hours !== undefined)
  const first = recordings.systems.filter((system) => !last.includes(system))
  for (const systems of [first, ...last.map((system) => [system])]) {
    const { code, output } = await startPipeline({
      config: configOf(recordings, data),
      services: Object.keys(STEPS) as ServiceName[],
      recordings: systems,
      stateFile,
    }).ended
    expect(code, output).toBe(0)
  }
  found = await readFound({ store, stateFile, systems: recordings.systems })
}, 200_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

function published(poll: RecordedPoll, ms: number): RecordedPoll {
  const status = poll.status as { last_updated: number }
  return { ...poll, status: { ...status, last_updated: status.last_updated + ms / 1000 } }
}

function fetched(poll: RecordedPoll, ms: number): RecordedPoll {
  return { ...poll, fetched_utc: poll.fetched_utc + ms }
}

/** Its first station reports tomorrow's time as its own. */
function stationAhead(poll: RecordedPoll): RecordedPoll {
  const status = poll.status as { data: { stations: { last_reported: number }[] } }
  const [first, ...others] = status.data.stations
  const stations = [{ ...first, last_reported: first!.last_reported + DAY / 1000 }, ...others]
  return { ...poll, status: { ...status, data: { stations } } }
}

function isFarAhead({ published_utc, fetched_utc }: SentPoll): boolean {
  return published_utc !== null && published_utc > fetched_utc + DAY
}

function eventTime({ published_utc, fetched_utc }: SentPoll): number {
  return published_utc === null || published_utc > fetched_utc + 2 * MINUTE ? fetched_utc : published_utc
}

describe.each(Object.keys(CITIES))('%s', (system) => {
  const of = <Row extends { system: string }>(rows: readonly Row[]): Row[] =>
    rows.filter((row) => row.system === system)

  test('leaves every observation once, the last of its bin', () => {
    const sent = of(recordings.sent)
    expect(sent.length).toBeGreaterThan(30)
    const left = {
      daily: of(found.daily),
      parts: of(found.parts),
      polls: of(found.polls),
      windows: of(found.windows),
    }
    expect(summary(judge({ sent, found: { ...left, contents: {} } }))).toEqual({})
  })

  test('has the watermark of its polls: the greatest event time of those that were taken', () => {
    const folder = join(store, 'ledger', 'sink')
    const entries = readdirSync(folder).flatMap((name) => {
      const { systems } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
        systems: Record<string, { watermark: number }>
      }
      return Object.entries(systems)
    })
    const taken = of(recordings.sent).filter((poll) => !isFarAhead(poll))
    expect(new Map(entries).get(system)).toMatchObject({ watermark: Math.max(...taken.map(eventTime)) })
  })
})

test('a poll published tomorrow is refused whole, and its stations can be looked at', () => {
  const refused = found.polls.filter(({ outcome }) => outcome === 'refused')
  const ahead = recordings.sent.filter(isFarAhead)
  expect(ahead.length).toBeGreaterThan(5)
  expect(refused.map(({ fetched_utc }) => fetched_utc).sort()).toEqual(
    ahead.map(({ fetched_utc }) => fetched_utc).sort(),
  )
})

test.each([
  ['spring', { 0: 100, 1: 100, 2: null, 3: 100, 4: 100 }],
  ['autumn', { 1: 100, 2: 100, 3: 100 }],
])(
  'the local hours of %s have what their polls say: the hour that is not there has nothing',
  (system, hours) => {
    const path = join(store, system, 'monitoring/data/health/latest/coverage_by_hour.json')
    const { rows } = JSON.parse(readFileSync(path, 'utf8')) as {
      rows: { hour: number; coverage_pct: number | null }[]
    }
    for (const [hour, coverage] of Object.entries(hours)) {
      const row = rows.find((one) => one.hour === Number(hour))
      expect(row?.coverage_pct ?? null, `${system} hour ${hour}`).toBe(coverage)
    }
  },
)
