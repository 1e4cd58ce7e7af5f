import { LEVELS, type Level, levelOf } from '../levels.ts'
import type { Aggregate, FinalRow } from './aggregate.ts'

/** Rows by level of the one definition that every page shares. */
export type LevelCountsState = Record<Level, number>

function build(value: (level: Level) => number): LevelCountsState {
  return Object.fromEntries(LEVELS.map((level) => [level, value(level)])) as LevelCountsState
}

/** How many station bins were empty, low, …, full. */
export const levelCounts: Aggregate<LevelCountsState, FinalRow> = {
  kind: 'level_counts',
  version: 1,
  empty: () => build(() => 0),
  add(state, row) {
    state[levelOf(row)] += 1
  },
  merge: (a, b) => build((level) => a[level] + b[level]),
  encode: (state) => build((level) => state[level]),
  decode(json) {
    const stored = json as Partial<LevelCountsState>
    return build((level) => stored[level] ?? 0)
  },
}
