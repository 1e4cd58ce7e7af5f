import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ReplayPoll } from '../../../services/ingest/replay/recorded-polls.ts'
import { openRecording } from '../../../services/ingest/replay/recording.ts'
import { recordedData } from '../../recorded-data.ts'

const data = recordedData()
const DAY_MS = 86_400_000
const at = (...parts: string[]): string => join(data ?? '', ...parts)

async function eachPoll(
  options: { from: string; information?: string },
  see: (poll: ReplayPoll) => void,
): Promise<void> {
  const recording = await openRecording({ system: 'city', ...options })
  try {
    for await (const poll of recording.polls()) see(poll)
  } finally {
    await recording.close()
  }
}

/** What the stations of successive polls say of their reports. */
class Reports {
  readonly #last = new Map<string, { reported: number; counts: string }>()
  readonly standing = new Set<string>()
  transitions = 0
  backwards = 0
  identical = 0
  refused = 0

  see({ answer: { status, fetched_utc } }: ReplayPoll): void {
    this.refused += status.refused.length
    let known = 0
    let same = 0
    for (const { station_id, last_reported, bikes, docks } of status.stations) {
      const counts = `${bikes} ${docks}`
      const before = this.#last.get(station_id)
      if (last_reported === null) continue
      if ((status.published_utc ?? fetched_utc ?? 0) - last_reported > DAY_MS) this.standing.add(station_id)
      if (before !== undefined) {
        known += 1
        this.transitions += 1
        if (last_reported < before.reported) this.backwards += 1
        if (counts === before.counts) same += 1
      }
      this.#last.set(station_id, { reported: last_reported, counts })
    }
    if (known > 0 && same === known) this.identical += 1
  }
}

describe.skipIf(data === null)('quirks of recorded feeds (need VELOCAST_RECORDED_DATA)', () => {
  test('Vélib’: reports that run backwards or stand for days cost no station, nor does a poll that repeats the one before', async () => {
    const reports = new Reports()
    let polls = 0
    await eachPoll({ from: at('velib-2024-11', 'raw') }, (poll) => {
      polls += 1
      reports.see(poll)
    })
    expect(polls).toBe(196)
    expect(reports.backwards / reports.transitions).toBeGreaterThan(0.01)
    expect(reports.backwards / reports.transitions).toBeLessThan(0.05)
    expect(reports.standing.size).toBeGreaterThan(20)
    expect(reports.identical).toBeGreaterThan(10)
  })

  test('Bay Wheels: a report of 1970 costs its station nothing', async () => {
    const recording = await openRecording({
      system: 'city',
      from: at('baywheels', 'status_20230403_20230522.parquet'),
    })
    try {
      for await (const { answer } of recording.polls()) {
        const reported = answer.status.stations.map(({ last_reported }) => last_reported)
        expect(reported).toContain(86_400_000)
        expect(answer.status.refused).toEqual([])
        break
      }
    } finally {
      await recording.close()
    }
  })

  test('Bay Wheels: counts that do not add up to capacity, capacities that change and nights without polls are taken as they are', async () => {
    const reports = new Reports()
    const times: number[] = []
    const capacities = new Map<string, Set<number>>()
    const capacity = new Map<string, number | null>()
    let [rows, uneven] = [0, 0]
    await eachPoll(
      { from: at('baywheels', 'raw'), information: at('baywheels', 'raw_information') },
      (poll) => {
        reports.see(poll)
        times.push(poll.answer.status.published_utc!)
        for (const { station_id, capacity: said } of poll.information?.stations ?? []) {
          capacity.set(station_id, said)
          if (said !== null) capacities.set(station_id, (capacities.get(station_id) ?? new Set()).add(said))
        }
        for (const station of poll.answer.status.stations) {
          const { station_id, bikes, docks, bikes_disabled, docks_disabled } = station
          rows += 1
          const sum = (bikes ?? 0) + (docks ?? 0) + (bikes_disabled ?? 0) + (docks_disabled ?? 0)
          if (capacity.get(station_id) !== sum) uneven += 1
        }
      },
    )
    expect(reports.refused).toBe(0)
    expect(reports.backwards).toBeGreaterThan(0)
    expect(reports.standing.size).toBeGreaterThan(0)
    expect(uneven / rows).toBeGreaterThan(0.2)
    expect([...capacities.values()].some(({ size }) => size > 1)).toBe(true)
    const gaps = times.slice(1).map((time, index) => (time - times[index]!) / 60_000)
    expect(Math.max(...gaps)).toBeGreaterThanOrEqual(40)
    expect(times).toHaveLength(385)
  })

  test('Docomo: reports that are always the published time itself, and stations that come and go', async () => {
    const sizes = new Set<number>()
    let [polls, differing] = [0, 0]
    await eachPoll({ from: at('docomo-tokyo', 'raw_zips') }, ({ answer: { status } }) => {
      polls += 1
      sizes.add(status.stations.length)
      for (const { last_reported } of status.stations)
        if (last_reported !== status.published_utc) differing += 1
    })
    expect(polls).toBe(780)
    expect(differing).toBe(0)
    expect(sizes.size).toBeGreaterThan(1)
  })

  test('velib-2025-09: wind that is very probably km/h is kept as it was recorded', async () => {
    let strongest = 0
    await eachPoll({ from: at('velib-2025-09-15min', 'status_15min_weather.parquet') }, ({ weather }) => {
      for (const { wind_mps } of weather?.hours ?? []) strongest = Math.max(strongest, wind_mps ?? 0)
    })
    expect(strongest).toBeCloseTo(23.1, 5)
  })
})
