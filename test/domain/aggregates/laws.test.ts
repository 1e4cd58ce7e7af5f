import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Aggregate, FinalRow, Json } from '../../../services/domain/aggregates/aggregate.ts'
import { POLL_AGGREGATES, ROW_AGGREGATES } from '../../../services/domain/aggregates/registry.ts'
import { BIN_MS } from '../../../services/domain/bin.ts'
import { POLL_OUTCOMES, type PollRecord } from '../../../services/domain/poll.ts'

const START = Date.UTC(2024, 8, 2, 10)
const small = fc.integer({ min: 0, max: 4 })
const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const single = (options: { min: number; max: number }) =>
  fc.integer(options).map((tenths) => Math.fround(tenths / 10))

/** Final rows: at most one for each station and bin, over two hours so that borders of hours are among them. */
const rows: fc.Arbitrary<FinalRow[]> = fc
  .uniqueArray(
    fc.record({
      station: fc.constantFrom('a', 'b', 'c'),
      bin: fc.integer({ min: 0, max: 23 }),
      bikes: nullable(small),
      docks: nullable(small),
      mechanical: small,
      ebike: small,
      capacity: nullable(fc.integer({ min: 0, max: 60 })),
      open: fc.boolean(),
      name: nullable(fc.constantFrom('North', 'South')),
      temp_C: nullable(single({ min: -200, max: 400 })),
      wind_mps: nullable(single({ min: 0, max: 300 })),
      reported: nullable(fc.integer({ min: -1, max: 5000 })),
    }),
    { selector: ({ station, bin }) => `${station}${bin}`, maxLength: 72, size: 'max' },
  )
  .map((all) =>
    all.map(({ station, bin, open, reported, ...row }): FinalRow => {
      const ts_utc = START + bin * BIN_MS + 1000
      return {
        ...row,
        station_id: station,
        poll_id: `p${bin}`,
        ts_utc,
        fetched_utc: ts_utc + 500,
        published_utc: ts_utc,
        last_reported: reported === null ? null : ts_utc - reported * 1000,
        bikes_disabled: null,
        docks_disabled: null,
        is_installed: open,
        is_renting: open,
        is_returning: open,
        status: open ? 'OK' : 'CLOSED',
        lat: null,
        lon: null,
        precip_mm: null,
        weather_hour: null,
        weather_issued: null,
      }
    }),
  )

const polls: fc.Arbitrary<PollRecord[]> = fc
  .array(
    fc.record({
      poll_id: fc.constantFrom('p1', 'p2', 'p3', 'p4', 'p5', 'p6'),
      outcome: fc.constantFrom(...POLL_OUTCOMES),
      reason: nullable(fc.constantFrom('feed_timeout', 'feed_status')),
      rows: small,
      refused: fc.dictionary(fc.constantFrom('count_negative', 'flag_invalid'), small),
      ts_utc: nullable(fc.integer({ min: START, max: START + 7_200_000 })),
      published_utc: nullable(fc.integer({ min: START, max: START + 7_200_000 })),
      fetched_utc: fc.integer({ min: START, max: START + 7_200_000 }),
    }),
    { maxLength: 30 },
  )
  .map((all) =>
    all.map((poll) => ({
      ...poll,
      system: 'city',
      ts_source: 'published' as const,
      duration_ms: null,
      source: 'live' as const,
      ttl_s: null,
      gbfs_version: null,
    })),
  )

/** Rows with the part, 0..2, that each belongs to, and another order of them. */
function cut<Row>(all: fc.Arbitrary<Row[]>): fc.Arbitrary<{ parts: Row[][]; whole: Row[]; shuffled: Row[] }> {
  return all.chain((whole) =>
    fc
      .record({
        part: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: whole.length, maxLength: whole.length }),
        shuffled: fc.shuffledSubarray(whole, { minLength: whole.length, maxLength: whole.length }),
      })
      .map(({ part, shuffled }) => ({
        whole,
        shuffled,
        parts: [0, 1, 2].map((index) => whole.filter((_, at) => part[at] === index)),
      })),
  )
}

function laws<Row>(aggregate: Aggregate<unknown, Row>, all: fc.Arbitrary<Row[]>): void {
  const stateOf = (added: readonly Row[]): unknown => {
    const state = aggregate.empty()
    for (const row of added) aggregate.add(state, row)
    return state
  }
  const text = (state: unknown): string => JSON.stringify(aggregate.encode(state))
  const { merge, empty } = aggregate

  describe(aggregate.kind, () => {
    test('adding in any order gives the same state', () => {
      fc.assert(
        fc.property(cut(all), ({ whole, shuffled }) => {
          expect(text(stateOf(shuffled))).toBe(text(stateOf(whole)))
        }),
      )
    })
    test('merging parts gives the state of the whole, in any grouping and order', () => {
      fc.assert(
        fc.property(cut(all), ({ whole, parts }) => {
          const [a, b, c] = parts.map(stateOf)
          const expected = text(stateOf(whole))
          expect(text(merge(merge(a, b), c))).toBe(expected)
          expect(text(merge(a, merge(b, c)))).toBe(expected)
          expect(text(merge(c, merge(b, a)))).toBe(expected)
        }),
      )
    })
    test('empty is neutral, and merging changes neither input', () => {
      fc.assert(
        fc.property(cut(all), ({ parts }) => {
          const [a, b] = parts.map(stateOf)
          const before = [text(a), text(b)]
          expect(text(merge(a, empty()))).toBe(before[0])
          expect(text(merge(empty(), a))).toBe(before[0])
          merge(a, b)
          const grown = merge(a, b)
          for (const row of parts[2]!) aggregate.add(grown, row)
          expect([text(a), text(b)]).toEqual(before)
        }),
      )
    })
    test('decoding what was encoded gives the same state, which can go on', () => {
      fc.assert(
        fc.property(cut(all), ({ parts, whole }) => {
          const [a, b, c] = parts
          const restored = aggregate.decode(JSON.parse(text(stateOf(a!))) as Json)
          expect(text(restored)).toBe(text(stateOf(a!)))
          for (const row of b!) aggregate.add(restored, row)
          expect(text(merge(restored, stateOf(c!)))).toBe(text(stateOf(whole)))
        }),
      )
    })
  })
}

describe('every aggregate over final rows is a commutative monoid', () => {
  for (const aggregate of Object.values(ROW_AGGREGATES))
    laws(aggregate as unknown as Aggregate<unknown, FinalRow>, rows)
})
describe('every aggregate over polls is a commutative monoid', () => {
  for (const aggregate of Object.values(POLL_AGGREGATES)) {
    laws(aggregate as unknown as Aggregate<unknown, PollRecord>, polls)
  }
})

test('kinds are unique', () => {
  const kinds = [...Object.values(ROW_AGGREGATES), ...Object.values(POLL_AGGREGATES)].map(({ kind }) => kind)
  expect(new Set(kinds).size).toBe(kinds.length)
})
