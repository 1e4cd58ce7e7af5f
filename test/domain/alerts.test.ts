import { describe, expect, test } from 'vitest'
import { driftAlerts, healthAlerts, isFeedStale } from '../../services/domain/alerts.ts'
import { BIN_MS } from '../../services/domain/bin.ts'

const none = {
  holes: [],
  flat: [],
  duplicates: [],
  duplicatesPct: 0,
  frozen: [],
  stationCoveragePct: 100,
}
const drifted = (feature: 'occ_ratio' | 'bikes' | 'temp_C', psi: number) => ({
  feature,
  psi,
  ks: null,
  delta_mean: null,
  delta_var: null,
})

describe('health alerts', () => {
  test('are none without findings, and each at most once with many', () => {
    expect(healthAlerts(none)).toEqual([])
    const hole = { cause: 'stale' as const, start: 0, end: 2 * BIN_MS, bins: 3, fault: true }
    const found = healthAlerts({ ...none, holes: [hole, { ...hole, start: 9 * BIN_MS, end: 60 * BIN_MS }] })
    expect(found).toMatchObject([
      { name: 'stale_feed', level: 'high', count: 2, since: 0, until: 61 * BIN_MS },
    ])
  })
  test("leave out holes that the feed's rhythm explains, and stretches that nobody can judge", () => {
    const hole = { cause: 'missing' as const, start: 0, end: BIN_MS, bins: 2, fault: false }
    const stretch = { start: 0, end: BIN_MS, bins: 3, expected: 9, changed: 0, verdict: 'undecided' as const }
    expect(healthAlerts({ ...none, holes: [hole], frozen: [stretch] })).toEqual([])
  })
  test('call stations that polls leave out missing bins', () => {
    expect(healthAlerts({ ...none, stationCoveragePct: 97.9 })).toMatchObject([{ name: 'missing_bins' }])
    expect(healthAlerts({ ...none, stationCoveragePct: 98 })).toEqual([])
  })
})

describe('drift alerts', () => {
  test('are one for all readings of occupancy, by the greatest', () => {
    const drift = [drifted('occ_ratio', 0.12), drifted('bikes', 0.3), drifted('temp_C', 9)]
    expect(driftAlerts({ drift, referenceMatched: 1 })).toMatchObject([
      { name: 'drift_occupancy', level: 'high', count: 2 },
    ])
  })
  test('are none for weather alone, nor against a reference of other hours of the week', () => {
    expect(driftAlerts({ drift: [drifted('temp_C', 9)], referenceMatched: 1 })).toEqual([])
    expect(driftAlerts({ drift: [drifted('bikes', 9)], referenceMatched: 0.8 })).toEqual([])
  })
})

test('a feed is stale when its newest event time is older than the bound, and unknown before the first', () => {
  expect(isFeedStale({ published: 0, now: 15 * 60_000, staleMinutes: 15 })).toBe(false)
  expect(isFeedStale({ published: 0, now: 15 * 60_000 + 1, staleMinutes: 15 })).toBe(true)
  expect(isFeedStale({ published: null, now: 9e9, staleMinutes: 15 })).toBe(false)
})
