import type { PollRecord } from '../poll.ts'
import type { Aggregate } from './aggregate.ts'

export interface PollOutcomesState {
  polls: number
  /** Observations that the polls carried. */
  rows: number
  outcomes: Map<string, number>
  /** Error codes of polls that failed or were refused. */
  reasons: Map<string, number>
  /** Stations refused, by reason. */
  refused: Map<string, number>
}

function increase(counts: Map<string, number>, key: string, times: number): void {
  counts.set(key, (counts.get(key) ?? 0) + times)
}

function mergeCounts(a: Map<string, number>, b: Map<string, number>): Map<string, number> {
  const merged = new Map(a)
  for (const [key, times] of b) increase(merged, key, times)
  return merged
}

/** Counts by key, keys in order: what artefacts show. */
export function sortedCounts(counts: Map<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
}

interface Stored {
  polls: number
  rows: number
  outcomes: Record<string, number>
  reasons: Record<string, number>
  refused: Record<string, number>
}

/** How polls ended, and what was refused, by reason. */
export const pollOutcomes: Aggregate<PollOutcomesState, PollRecord> = {
  kind: 'poll_outcomes',
  version: 1,
  empty: () => ({ polls: 0, rows: 0, outcomes: new Map(), reasons: new Map(), refused: new Map() }),
  add(state, poll) {
    state.polls += 1
    state.rows += poll.rows
    increase(state.outcomes, poll.outcome, 1)
    if (poll.reason !== null) increase(state.reasons, poll.reason, 1)
    for (const [reason, times] of Object.entries(poll.refused)) increase(state.refused, reason, times)
  },
  merge: (a, b) => ({
    polls: a.polls + b.polls,
    rows: a.rows + b.rows,
    outcomes: mergeCounts(a.outcomes, b.outcomes),
    reasons: mergeCounts(a.reasons, b.reasons),
    refused: mergeCounts(a.refused, b.refused),
  }),
  encode: ({ polls, rows, outcomes, reasons, refused }) => ({
    polls,
    rows,
    outcomes: sortedCounts(outcomes),
    reasons: sortedCounts(reasons),
    refused: sortedCounts(refused),
  }),
  decode(json) {
    const { polls, rows, outcomes, reasons, refused } = json as unknown as Stored
    const counts = (stored: Record<string, number>) => new Map(Object.entries(stored))
    return { polls, rows, outcomes: counts(outcomes), reasons: counts(reasons), refused: counts(refused) }
  },
}
