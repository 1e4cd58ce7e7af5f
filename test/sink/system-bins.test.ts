import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BIN_MS } from '../../services/domain/bin.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { type BronzePart, SystemBins } from '../../services/sink/system-bins.ts'
import { lastOfEach, type Poll, pollOf, pollRecordOf } from './observations.ts'

const START = Date.UTC(2024, 10, 5)
const DAY = '2024-11-05'

const anyPoll = fc
  .record({
    bin: fc.nat(9),
    within: fc.constantFrom(0, 1, 140_000, BIN_MS - 1),
    delay: fc.constantFrom(0, 4_000),
    seed: fc.nat(3),
  })
  .map(({ bin, within, delay, seed }) => {
    const ts = START + bin * BIN_MS + within
    return pollOf({ ts, fetched: ts + delay, seed, stations: 2 })
  })

function feed(
  polls: readonly Poll[],
  bins = new SystemBins({ system: 'town', watermark: null, closedThrough: null }),
) {
  const parts: BronzePart[] = []
  polls.forEach(({ observations, record }, index) => {
    const poll = {
      system: 'town',
      poll: record,
      observations,
      complete: true,
      firstOffset: index * 3,
      nextOffset: index * 3 + 3,
    }
    parts.push(...bins.addPoll(poll).parts)
  })
  return { bins, parts: [...parts, ...bins.sealBins()] }
}

const rowsOf = (parts: readonly BronzePart[]): Observation[] => parts.flatMap(({ rows }) => rows)

test('any order of polls gives the same last observations', () => {
  fc.assert(
    fc.property(
      fc
        .array(anyPoll, { minLength: 1, maxLength: 25 })
        .chain((polls) =>
          fc.tuple(fc.constant(polls), fc.shuffledSubarray(polls, { minLength: polls.length })),
        ),
      ([polls, shuffled]) => {
        const last = lastOfEach(rowsOf(feed(polls).parts), DAY)
        expect(lastOfEach(rowsOf(feed(shuffled).parts), DAY)).toEqual(last)
        expect(last).toEqual(
          lastOfEach(
            polls.flatMap(({ observations }) => observations),
            DAY,
          ),
        )
      },
    ),
  )
})

test('a second time through, the same polls in order seal the same parts', () => {
  fc.assert(
    fc.property(fc.array(anyPoll, { minLength: 1, maxLength: 25 }), (any) => {
      const polls = [...any].sort((a, b) => a.record.ts_utc! - b.record.ts_utc!)
      const first = feed(polls)
      const again = feed(polls, first.bins)
      expect(again.parts.map(({ bin, rows }) => [bin, rows])).toEqual(
        first.parts.map(({ bin, rows }) => [bin, rows]),
      )
    }),
  )
})

test('a bin is sealed by the first poll at or after its end, not by one before', () => {
  const bins = new SystemBins({ system: 'town', watermark: null, closedThrough: null })
  const add = (ts: number) => {
    const { observations, record } = pollOf({ ts, stations: 2 })
    return bins.addPoll({
      system: 'town',
      poll: record,
      observations,
      complete: true,
      firstOffset: 0,
      nextOffset: 3,
    })
  }
  expect(add(START).parts).toEqual([])
  expect(add(START + BIN_MS - 1).parts).toEqual([])
  expect(add(START + BIN_MS).parts.map(({ bin }) => bin)).toEqual([START])
  expect(bins.closedThrough).toBe(START + BIN_MS)
  expect(add(START + 1)).toEqual({ parts: [], late: 2 })
  expect(bins.closedThrough).toBe(START + BIN_MS)
})

test('a poll that was given up gives its rows, and moves no watermark', () => {
  const bins = new SystemBins({ system: 'town', watermark: null, closedThrough: null })
  const { observations } = pollOf({ ts: START })
  bins.addPoll({ system: 'town', poll: null, observations, complete: false, firstOffset: 0, nextOffset: 4 })
  expect(bins.watermark).toBeNull()
  expect(rowsOf(bins.sealBins())).toHaveLength(4)
})

test('poll records leave by the hour of their fetch, each fetch once', () => {
  const bins = new SystemBins({ system: 'town', watermark: null, closedThrough: null })
  const at = (minute: number, poll_id = `poll-${minute}`) =>
    pollRecordOf({ poll_id, fetched_utc: START + minute * 60_000 })
  const hour = [at(0), at(58), at(58), at(59, 'poll-58')]
  expect(hour.flatMap((poll, offset) => bins.addPollRecord(offset, poll))).toEqual([])
  const [sealed] = bins.addPollRecord(4, at(60))
  expect(sealed).toMatchObject({ polls: [at(0), at(58), at(59, 'poll-58')], firstOffset: 0, nextOffset: 4 })
  expect(bins.firstOpenPollOffset()).toBe(4)
})
