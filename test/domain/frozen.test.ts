import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BIN_MS, DAY_MS, HOUR_MS } from '../../services/domain/bin.ts'
import { hourOfWeek } from '../../services/domain/calendar.ts'
import {
  type BinChange,
  changeRates,
  emptyRates,
  frozenStretches,
  hasChanged,
  isFrozen,
  mergeRates,
  TINY_NETWORK,
} from '../../services/domain/frozen.ts'
import { NEEDS_RECORDED, RECORDED } from './gbfs/recorded.ts'

const timezone = 'Europe/Paris'
const START = Date.UTC(2024, 10, 4)

/** A seeded city: every bin its hour's share of stations changes, give or take; `frozenFrom` to `frozenTo` none. */
function city(options: {
  days: number
  stations: number
  share: (hour: number) => number
  seed: number
  frozen?: { from: number; to: number }
}): BinChange[] {
  let state = options.seed >>> 0 || 1
  const random = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
  return Array.from({ length: options.days * 288 }, (_, index) => {
    const bin = START + index * BIN_MS
    const share = options.share(Math.floor((bin % DAY_MS) / HOUR_MS))
    let changed = 0
    for (let station = 0; station < options.stations; station++) if (random() < share) changed++
    const { from, to } = options.frozen ?? { from: 0, to: 0 }
    return { bin, changed: index > from && index <= to ? 0 : changed, stations: options.stations }
  })
}

const stretchesOf = (changes: BinChange[], zone = timezone) =>
  frozenStretches({ changes, rates: changeRates({ changes, timezone: zone }), timezone: zone })
const frozenOf = (changes: BinChange[], zone = timezone) =>
  stretchesOf(changes, zone).filter(({ verdict }) => verdict === 'frozen')
const iso = (utc: number) => new Date(utc).toISOString().slice(0, 16)

describe('frozen stretches', () => {
  test('a stretch laid into a city is found with its bounds, and nothing else is', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer({ min: 1, max: 1e9 }),
          stations: fc.integer({ min: 200, max: 600 }),
          from: fc.integer({ min: 10, max: 3 * 288 }),
          length: fc.integer({ min: 6, max: 60 }),
        }),
        ({ seed, stations, from, length }) => {
          const frozen = { from, to: from + length }
          const changes = city({ days: 4, stations, seed, frozen, share: (hour) => (hour < 5 ? 0.05 : 0.3) })
          expect(frozenOf(changes).map(({ start, end, bins }) => ({ start, end, bins }))).toEqual([
            { start: START + from * BIN_MS, end: START + frozen.to * BIN_MS, bins: length },
          ])
        },
      ),
      { numRuns: 25 },
    )
  })

  test('a city that moves, however quiet its nights, has none', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.double({ min: 0, max: 0.02, noNaN: true }),
        (seed, night) => {
          const changes = city({ days: 4, stations: 200, seed, share: (hour) => (hour < 6 ? night : 0.15) })
          expect(frozenOf(changes)).toEqual([])
        },
      ),
      { numRuns: 25 },
    )
  })

  test('a tiny network gives no verdict, whatever it does', () => {
    const changes = city({
      days: 7,
      stations: TINY_NETWORK - 1,
      seed: 5,
      share: () => 0.5,
      frozen: { from: 300, to: 900 },
    })
    const stretches = stretchesOf(changes)
    expect(stretches.length).toBeGreaterThan(0)
    expect(stretches.every(({ verdict }) => verdict === 'undecided')).toBe(true)
  })

  test('hours that were never seen twice give no verdict', () => {
    const changes = city({ days: 1, stations: 500, seed: 9, share: () => 0.3, frozen: { from: 50, to: 90 } })
    expect(stretchesOf(changes)).toMatchObject([{ verdict: 'undecided', expected: 0 }])
    expect(frozenStretches({ changes, rates: emptyRates(), timezone })).toMatchObject([
      { verdict: 'undecided' },
    ])
  })

  test('a city that closes on Sundays has none once two Sundays are known', () => {
    const changes = city({ days: 14, stations: 300, seed: 12, share: () => 0.2 }).map((change) =>
      hourOfWeek({ utc: change.bin, timezone }) >= 6 * 24 ? { ...change, changed: 0 } : change,
    )
    expect(stretchesOf(changes)).toHaveLength(2)
    expect(frozenOf(changes)).toEqual([])
  })

  test('one or two repeated bins are a slip of the feed’s cadence, three are a stretch', () => {
    const repeated = (count: number) =>
      frozenOf(
        city({ days: 2, stations: 1000, seed: 3, share: () => 0.4, frozen: { from: 100, to: 100 + count } }),
      )
    expect([1, 2, 3].map((count) => repeated(count).length)).toEqual([0, 0, 1])
  })

  test('a gap in the recording neither hides a stretch nor makes one', () => {
    const whole = city({ days: 3, stations: 500, seed: 8, share: () => 0.3, frozen: { from: 300, to: 340 } })
    const withGaps = whole
      .filter((_, index) => index < 310 || index > 318)
      .filter((_, index) => index < 600 || index > 700)
    expect(frozenOf(withGaps).map(({ start, end }) => [start, end])).toEqual([
      [START + 300 * BIN_MS, START + 340 * BIN_MS],
    ])
  })

  test('an hour of the week that was frozen itself is judged by its neighbours', () => {
    const frozen = { from: 3 * 288 + 120, to: 3 * 288 + 160 }
    const changes = city({ days: 7, stations: 500, seed: 4, share: () => 0.3, frozen })
    expect(frozenOf(changes)).toHaveLength(1)
  })

  test('rates of two references merge into those of both, in any order', () => {
    const changes = city({ days: 4, stations: 100, seed: 2, share: () => 0.2 })
    const [a, b] = [changes.slice(0, 500), changes.slice(500)].map((part) =>
      changeRates({ changes: part, timezone }),
    )
    expect(mergeRates(a!, b!)).toEqual(mergeRates(b!, a!))
    expect(mergeRates(a!, emptyRates())).toEqual(a)
    const both = mergeRates(a!, b!)
    const whole = changeRates({ changes, timezone })
    for (const hour of whole.hazard.keys()) {
      expect(both.hazard[hour]).toBeCloseTo(whole.hazard[hour]!, 9)
      expect(both.bins[hour]).toBe(whole.bins[hour])
    }
  })

  test('bins after the start up to the end are frozen, the start is fresh', () => {
    const [stretch] = frozenOf(
      city({ days: 2, stations: 500, seed: 6, share: () => 0.3, frozen: { from: 10, to: 20 } }),
    )
    const { start, end } = stretch!
    expect([start, start + BIN_MS, end, end + BIN_MS].map((bin) => isFrozen([stretch!], bin))).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test('a station has changed when any of its counts differs', () => {
    const counts = { bikes: 1, docks: 2, mechanical: 1, ebike: 0 }
    expect(hasChanged(counts, { ...counts })).toBe(false)
    for (const [field, value] of Object.entries(counts)) {
      expect(hasChanged(counts, { ...counts, [field]: value + 1 })).toBe(true)
    }
  })
})

/** Changes by bin of a recording: last value of each bin against the station's bin before. */
async function recordedChanges(file: string, until = '2100-01-01'): Promise<BinChange[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const path = join(RECORDED ?? '', file).replaceAll("'", "''")
  const reader = await connection.runAndReadAll(`
    WITH binned AS (
      SELECT epoch_ms(ts_utc) // ${BIN_MS} * ${BIN_MS} AS bin, station_id,
        arg_max(((bikes::BIGINT * 1000 + coalesce(docks, -1)) * 1000 + coalesce(mechanical, -1)) * 1000
          + coalesce(ebike, -1), ts_utc) AS counts
      FROM '${path}' WHERE ts_utc < '${until}' GROUP BY ALL
    ), paired AS (
      SELECT bin, counts <> lag(counts) OVER (PARTITION BY station_id ORDER BY bin) AS changed FROM binned
    )
    SELECT bin::DOUBLE, count(*) FILTER (changed)::DOUBLE, count(changed)::DOUBLE FROM paired GROUP BY bin ORDER BY bin`)
  const rows = reader.getRowsJson() as number[][]
  connection.closeSync()
  return rows.map(([bin, changed, stations]) => ({ bin: bin!, changed: changed!, stations: stations! }))
}

describe.skipIf(RECORDED === null)(`recorded networks${NEEDS_RECORDED}`, () => {
  test('the Paris stretches of 1 to 4 November 2024 are found, and no other in the week', async () => {
    const changes = await recordedChanges('velib-2024-11/status_5min_20241031_20241107.parquet')
    expect(frozenOf(changes).map(({ start, end }) => [iso(start), iso(end)])).toEqual([
      ['2024-11-01T08:50', '2024-11-01T09:45'],
      ['2024-11-02T10:35', '2024-11-02T11:45'],
      ['2024-11-02T13:15', '2024-11-02T17:25'],
      ['2024-11-03T10:50', '2024-11-03T11:55'],
      ['2024-11-03T16:35', '2024-11-03T18:30'],
      ['2024-11-04T09:05', '2024-11-04T09:20'],
    ])
  })

  /** The same changes with none between two times: the night as a frozen feed would have told it. */
  const stilled = (changes: BinChange[], from: string, to: string): BinChange[] =>
    changes.map((change) =>
      change.bin > Date.parse(from) && change.bin <= Date.parse(to) ? { ...change, changed: 0 } : change,
    )

  test('Docomo’s night has none, though a feed that froze in it would be found', async () => {
    const changes = await recordedChanges('docomo-tokyo/status_1min_first13h.parquet')
    expect(changes.length).toBeGreaterThan(150)
    const timezone = 'Asia/Tokyo'
    const once = changeRates({ changes, timezone })
    const rates = mergeRates(once, once)
    expect(frozenStretches({ changes, rates, timezone })).toEqual([])
    const frozen = stilled(changes, '2022-06-28T18:30Z', '2022-06-28T18:50Z')
    expect(frozenStretches({ changes: frozen, rates, timezone })).toMatchObject([
      { start: Date.parse('2022-06-28T18:30Z'), end: Date.parse('2022-06-28T18:50Z'), verdict: 'frozen' },
    ])
  })

  test('Bay Wheels’ nights of two weeks have none, though a feed that froze for two hours would be found', async () => {
    const changes = await recordedChanges('baywheels/status_20230403_20230522.parquet', '2023-04-17')
    expect(changes.length).toBeGreaterThan(1800)
    const timezone = 'America/Los_Angeles'
    const rates = changeRates({ changes, timezone })
    expect(frozenStretches({ changes, rates, timezone })).toEqual([])
    const frozen = stilled(changes, '2023-04-12T09:00Z', '2023-04-12T11:00Z')
    expect(frozenStretches({ changes: frozen, rates, timezone })).toMatchObject([{ verdict: 'frozen' }])
  })
})
