import { BIN_MS } from '../bin.ts'
import type { PollRecord } from '../poll.ts'
import type { Aggregate } from './aggregate.ts'
import { pollTime } from './poll-time.ts'

/** Of the polls made in one bin: how many were answered, how many not, and the newest event time they carried. */
interface BinPolls {
  answered: number
  unanswered: number
  newest: number | null
}

/** By bin of the poll's own time, in units of BIN_MS. */
export type PollTimelineState = Map<number, BinPolls>

function merge(state: PollTimelineState, bin: number, polls: BinPolls): void {
  const known = state.get(bin)
  if (known === undefined) {
    state.set(bin, { ...polls })
    return
  }
  known.answered += polls.answered
  known.unanswered += polls.unanswered
  known.newest = greater(known.newest, polls.newest)
}

function greater(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b)
}

function copy(state: PollTimelineState): PollTimelineState {
  return new Map([...state].map(([bin, polls]) => [bin, { ...polls }]))
}

/** When polls were made and whether they brought news: tells a stale feed from a poll that never was. */
export const pollTimeline: Aggregate<PollTimelineState, PollRecord> = {
  kind: 'poll_timeline',
  version: 1,
  empty: () => new Map(),
  add(state, poll) {
    const answered = poll.outcome === 'ok' || poll.outcome === 'unchanged' || poll.outcome === 'not_modified'
    merge(state, Math.floor(pollTime(poll) / BIN_MS), {
      answered: answered ? 1 : 0,
      unanswered: answered ? 0 : 1,
      newest: poll.ts_utc,
    })
  },
  merge(a, b) {
    const merged = copy(a)
    for (const [bin, polls] of b) merge(merged, bin, polls)
    return merged
  },
  encode: (state) =>
    [...state]
      .sort(([a], [b]) => a - b)
      .map(([bin, { answered, unanswered, newest }]) => [bin, answered, unanswered, newest]),
  decode: (json) =>
    new Map(
      (json as [number, number, number, number | null][]).map(([bin, answered, unanswered, newest]) => [
        bin,
        { answered, unanswered, newest },
      ]),
    ),
}
