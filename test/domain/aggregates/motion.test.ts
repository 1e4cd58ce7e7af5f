import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FinalRow } from '../../../services/domain/aggregates/aggregate.ts'
import { motion } from '../../../services/domain/aggregates/motion.ts'
import { binChanges, flatStretches, stationChanges } from '../../../services/domain/aggregates/motion-view.ts'
import { BIN_MS } from '../../../services/domain/bin.ts'

function row(bin: number, bikes: number, open = true): FinalRow {
  const facts = {
    station_id: 's',
    ts_utc: bin * BIN_MS,
    bikes,
    docks: 9 - bikes,
    mechanical: bikes,
    ebike: 0,
  }
  return { ...facts, is_installed: open, is_renting: open, is_returning: open } as FinalRow
}

function stateOf(rows: readonly FinalRow[]) {
  const state = motion.empty()
  for (const one of rows) motion.add(state, one)
  return state
}

/** Bins with a value each, some bins left out. */
const series = fc
  .array(fc.option(fc.integer({ min: 0, max: 1 }), { nil: null, freq: 6 }), { minLength: 1, maxLength: 80 })
  .map((values) => values.flatMap((bikes, bin) => (bikes === null ? [] : [{ bin, bikes }])))

describe('motion', () => {
  test('covers exactly the bins that were added', () => {
    fc.assert(
      fc.property(series, (bins) => {
        const segments = stateOf(bins.map(({ bin, bikes }) => row(bin, bikes))).stations.get('s') ?? []
        const covered = segments.flatMap(({ start, end }) =>
          Array.from({ length: end - start + 1 }, (_, at) => start + at),
        )
        expect(covered).toEqual(bins.map(({ bin }) => bin))
      }),
    )
  })

  test('counts as many changes as a walk over the rows', () => {
    fc.assert(
      fc.property(series, (bins) => {
        const state = stateOf(bins.map(({ bin, bikes }) => row(bin, bikes)))
        const walked = bins.filter(({ bikes }, at) => at > 0 && bins[at - 1]!.bikes !== bikes).length
        expect(stationChanges(state.stations.get('s') ?? [])).toBe(walked)
        expect(binChanges(state).reduce((sum, { changed }) => sum + changed, 0)).toBe(walked)
      }),
    )
  })

  test('finds the same long stretches as a walk over the rows', () => {
    fc.assert(
      fc.property(series, (bins) => {
        const walked: { start: number; end: number; steps: number; bikes: number }[] = []
        for (const { bin, bikes } of bins) {
          const open = walked.at(-1)
          if (open?.bikes === bikes && bin - open.end <= 13)
            Object.assign(open, { end: bin, steps: open.steps + 1 })
          else walked.push({ start: bin, end: bin, steps: 1, bikes })
        }
        const long = walked.filter(({ start, end }) => end - start + 1 >= 6)
        const state = stateOf(bins.map(({ bin, bikes }) => row(bin, bikes)))
        expect(
          flatStretches(state.stations.get('s') ?? []).map(({ start, end, steps }) => ({
            start,
            end,
            steps,
          })),
        ).toEqual(long.map(({ start, end, steps }) => ({ start, end, steps })))
      }),
    )
  })

  test('takes a closing station for a change of service, not of counts', () => {
    const state = stateOf([row(0, 3), row(1, 3, false), row(2, 3)])
    expect(stationChanges(state.stations.get('s')!)).toBe(0)
    expect(binChanges(state).map(({ changed, stations }) => [changed, stations])).toEqual([
      [0, 0],
      [0, 1],
      [0, 1],
    ])
  })

  test('refuses a bin that is there already', () => {
    expect(() => stateOf([row(0, 3), row(0, 4)])).toThrow('added once: s 0')
  })
})
