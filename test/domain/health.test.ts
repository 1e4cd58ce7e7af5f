import { describe, expect, test } from 'vitest'
import type { FinalRow } from '../../services/domain/aggregates/aggregate.ts'
import { addPoll, addRow, emptyBundle } from '../../services/domain/aggregates/bundle.ts'
import { BIN_MS, HOUR_MS } from '../../services/domain/bin.ts'
import { changeRates } from '../../services/domain/frozen.ts'
import { healthFacts } from '../../services/domain/health.ts'
import type { PollRecord } from '../../services/domain/poll.ts'

const START = Date.UTC(2024, 8, 2)
const window = { start: START, end: START + 4 * HOUR_MS }
const rates = changeRates({ changes: [], timezone: 'UTC' })

function facts(
  present: (station: string, bin: number) => boolean,
  polled: (bin: number) => PollRecord['outcome'] | null,
) {
  const bundle = emptyBundle()
  for (let bin = 0; bin < 48; bin += 1) {
    const ts_utc = START + bin * BIN_MS + 1000
    for (const station_id of ['a', 'b']) {
      if (!present(station_id, bin)) continue
      const counts = { bikes: bin % 5, docks: 9, mechanical: 0, ebike: 0, capacity: 14 }
      const flags = { is_installed: true, is_renting: true, is_returning: true }
      const row = { station_id, ts_utc, fetched_utc: ts_utc, last_reported: null, name: station_id }
      addRow(bundle, {
        ...row,
        ...counts,
        ...flags,
        temp_C: null,
        precip_mm: null,
        wind_mps: null,
      } as FinalRow)
    }
    const outcome = polled(bin)
    if (outcome === null) continue
    const poll = { poll_id: `p${bin}`, outcome, reason: null, rows: 2, refused: {}, ts_utc: null }
    addPoll(bundle, { ...poll, published_utc: null, fetched_utc: ts_utc } as unknown as PollRecord)
  }
  return healthFacts({ bundle, window, dataStart: START, rates, timezone: 'UTC' })
}

describe('health facts', () => {
  test('of a complete window are 100 % throughout, without holes', () => {
    const found = facts(
      () => true,
      () => 'ok',
    )
    expect(found).toMatchObject({
      rows: 96,
      expectedBins: 48,
      observedBins: 48,
      coverageGlobalPct: 100,
      coverageActivePct: 100,
      coverageStationPct: 100,
      holes: [],
      flat: [],
      duplicates: [],
    })
    expect(found.stations[0]).toEqual({
      station_id: 'a',
      name: 'a',
      obs: 48,
      expected: 48,
      coverage_pct: 100,
      missing: 0,
    })
  })
  test('tell apart: a station that came late, one that polls left out, and a hole for all', () => {
    const late = facts(
      (station, bin) => station === 'a' || bin >= 24,
      () => 'ok',
    )
    expect(late).toMatchObject({ coverageGlobalPct: 75, coverageActivePct: 100, coverageStationPct: 100 })
    const skipped = facts(
      (station, bin) => station === 'a' || bin % 2 === 0,
      () => 'ok',
    )
    expect(skipped.coverageStationPct).toBeLessThan(80)
    const hole = facts(
      (_, bin) => bin < 12 || bin >= 24,
      (bin) => (bin < 12 || bin >= 24 ? 'ok' : null),
    )
    expect(hole).toMatchObject({ coverageGlobalPct: 75, coverageActivePct: 75, coverageStationPct: 100 })
    expect(hole.holes).toEqual([
      { cause: 'missing', start: START + HOUR_MS, end: START + 2 * HOUR_MS - BIN_MS, bins: 12, fault: true },
    ])
    expect(hole.coverageByHour.slice(0, 5)).toEqual([100, 0, 100, 100, null])
  })
  test('attribute a hole by what the polls in it said', () => {
    const outcomes = {
      unchanged: 'stale',
      not_modified: 'stale',
      failed: 'missing',
      refused: 'missing',
    } as const
    for (const [outcome, cause] of Object.entries(outcomes)) {
      const { holes } = facts(
        (_, bin) => bin < 12 || bin >= 18,
        (bin) => (bin < 12 || bin >= 18 ? 'ok' : (outcome as PollRecord['outcome'])),
      )
      expect(holes.map((hole) => hole.cause)).toEqual([cause])
    }
  })
  test('find no fault in a feed that brings rows every ten minutes', () => {
    const found = facts(
      (_, bin) => bin % 2 === 0,
      (bin) => (bin % 2 === 0 ? 'ok' : 'unchanged'),
    )
    expect(found.holes.every(({ fault }) => !fault)).toBe(true)
    expect(found.holes.length).toBeGreaterThan(20)
  })
  test('attribute a hole alike when the feed is polled in every second bin only', () => {
    for (const [outcome, cause] of [
      ['unchanged', 'stale'],
      ['failed', 'missing'],
    ] as const) {
      const quiet = (bin: number): boolean => bin >= 12 && bin < 24
      const { holes } = facts(
        (_, bin) => bin % 2 === 0 && !quiet(bin),
        (bin) => (bin % 2 === 1 ? null : quiet(bin) ? outcome : 'ok'),
      )
      expect(holes.filter(({ fault }) => fault).map((hole) => hole.cause)).toEqual([cause])
    }
  })
  test('do not miss what came before the history began', () => {
    const bundle = emptyBundle()
    const found = healthFacts({ bundle, window, dataStart: null, rates, timezone: 'UTC' })
    expect(found).toMatchObject({ rows: 0, coverageGlobalPct: null, holes: [], first: null, last: null })
  })
})
