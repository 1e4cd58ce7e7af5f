import { describe, expect, test } from 'vitest'
import { addPoll, addRow, type Bundle, emptyBundle } from '../../services/domain/aggregates/bundle.ts'
import { pollTime } from '../../services/domain/aggregates/poll-time.ts'
import { DAY_MS, floorBin, floorHour, HOUR_MS } from '../../services/domain/bin.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { type Assessment, assess } from '../../services/monitor/assessment.ts'
import { MemoryHours } from '../../services/monitor/memory-hours.ts'
import { CITY_START, type CityPoll, cityPolls, type Fault, faults } from './city.ts'

const DAYS = 10
const WINDOW_DAYS = 2
const REFERENCE_DAYS = 8
const END = CITY_START + DAYS * DAY_MS
const WINDOW_START = END - WINDOW_DAYS * DAY_MS
const clean = cityPolls({ days: DAYS, stations: 80 })
const isReference = ({ poll }: CityPoll): boolean => poll.ts_utc! < WINDOW_START
const referenceHours = bundles(clean.filter(isReference))
const current = clean.filter((entry) => !isReference(entry))

function bundles(polls: readonly CityPoll[]): Map<number, Bundle> {
  const hours = new Map<number, Bundle>()
  const bundleOf = (utc: number): Bundle => {
    const hour = floorHour(utc)
    const bundle = hours.get(hour) ?? emptyBundle()
    hours.set(hour, bundle)
    return bundle
  }
  const rows = new Map<string, Observation>()
  for (const { poll, observations } of polls) {
    addPoll(bundleOf(pollTime(poll)), poll)
    for (const row of observations) rows.set(`${row.station_id}/${floorBin(row.ts_utc)}`, row)
  }
  for (const row of rows.values()) addRow(bundleOf(row.ts_utc), row)
  return hours
}

async function assessed(...injected: Fault[]): Promise<Assessment> {
  const source = new MemoryHours()
  const polls = injected.reduce<readonly CityPoll[]>((before, fault) => fault(before), current)
  for (const [hour, bundle] of referenceHours) source.add(hour, bundle, false)
  for (const [hour, bundle] of bundles(polls)) source.add(hour, bundle, true)
  return assess({
    system: 'test-city',
    timezone: 'Europe/Paris',
    end: END,
    windowDays: WINDOW_DAYS,
    referenceDays: REFERENCE_DAYS,
    source,
  })
}

function names({ healthAlerts, driftAlerts }: Assessment): string[] {
  return [...healthAlerts, ...driftAlerts].map(({ name }) => name)
}

const noon = WINDOW_START + 12 * HOUR_MS
const tenAtNight = WINDOW_START + 22 * HOUR_MS

describe('each injected fault raises its own alert and no other', () => {
  test('a clean city raises none', async () => {
    expect(names(await assessed())).toEqual([])
  })
  test('a change of weather raises none, and shows in the figures', async () => {
    const found = await assessed(faults.weather(WINDOW_START, END))
    expect(names(found)).toEqual([])
    expect(found.drift.find(({ feature }) => feature === 'temp_C')?.psi).toBeGreaterThan(1)
  })
  test.each([
    ['polls missing for 45 minutes', [faults.gap(noon, noon + 45 * 60_000)], ['missing_bins']],
    ['polls failing for an hour', [faults.failing(noon, noon + HOUR_MS)], ['missing_bins']],
    ['polls missing for the last two hours', [faults.gap(END - 2 * HOUR_MS, END)], ['missing_bins']],
    [
      'one station standing still for a day and a half',
      [faults.flat(WINDOW_START, END, 's020')],
      ['flat_sequence'],
    ],
    ['one poll delivered twice', [faults.duplicate(noon, noon + 5 * 60_000)], ['duplicates']],
    [
      'a published time that stands still for 40 minutes',
      [faults.stale(noon, noon + 40 * 60_000)],
      ['stale_feed'],
    ],
    ['a published time that stands still at the end', [faults.stale(END - HOUR_MS, END)], ['stale_feed']],
    ['values that stand for two hours at noon', [faults.frozen(noon, noon + 2 * HOUR_MS)], ['frozen_feed']],
    [
      'values that stand from evening through the night to noon',
      [faults.frozen(tenAtNight, tenAtNight + 14 * HOUR_MS)],
      ['frozen_feed'],
    ],
    ['30 % more bikes', [faults.fuller(WINDOW_START, END)], ['drift_occupancy']],
    [
      'a gap and a stale feed and a frozen feed, one after the other',
      [
        faults.gap(noon, noon + HOUR_MS),
        faults.stale(noon + 3 * HOUR_MS, noon + 4 * HOUR_MS),
        faults.frozen(noon + 20 * HOUR_MS, noon + 22 * HOUR_MS),
      ],
      ['missing_bins', 'stale_feed', 'frozen_feed'],
    ],
  ])('%s', async (_name, injected, expected) => {
    expect(names(await assessed(...injected))).toEqual(expected)
  })
})

describe('drift', () => {
  test('without a reference gives null figures, says so, and raises nothing', async () => {
    const source = new MemoryHours()
    for (const [hour, bundle] of bundles(faults.fuller(WINDOW_START, END)(current)))
      source.add(hour, bundle, true)
    const found = await assess({
      system: 'test-city',
      timezone: 'UTC',
      end: END,
      windowDays: WINDOW_DAYS,
      referenceDays: REFERENCE_DAYS,
      source,
    })
    expect(names(found)).toEqual([])
    expect(found.reference).toMatchObject({ used: null, hours: 0, matched: 0 })
    expect(found.drift.every(({ psi, ks }) => psi === null && ks === null)).toBe(true)
  })
  test('compares with the same hours of the week, and states which reference that was', async () => {
    const { reference } = await assessed()
    const week = 7 * DAY_MS
    expect(reference).toEqual({
      asked: { start: CITY_START, end: WINDOW_START },
      used: { start: WINDOW_START - week, end: END - week },
      hours: 48,
      matched: 1,
    })
  })
})
