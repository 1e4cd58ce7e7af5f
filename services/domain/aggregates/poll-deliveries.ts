import type { PollRecord } from '../poll.ts'
import type { Aggregate } from './aggregate.ts'
import { pollTime } from './poll-time.ts'

/** One poll's deliveries. */
export interface Delivery {
  times: number
  rows: number
  /** When the poll counts for, epoch ms. */
  utc: number
}

/** By poll id. */
export type PollDeliveriesState = Map<string, Delivery>

function deliver(state: PollDeliveriesState, pollId: string, { times, rows, utc }: Delivery): void {
  const known = state.get(pollId)
  if (known === undefined) state.set(pollId, { times, rows, utc })
  else {
    state.set(pollId, {
      times: known.times + times,
      rows: Math.max(known.rows, rows),
      utc: Math.min(known.utc, utc),
    })
  }
}

/**
 * How often each poll was delivered: once, or it is a duplicate. A poll that answers what an earlier one answered
 * (`unchanged`) has its own id and is none. One entry a poll: 1,440 a day at one poll a minute.
 */
export const pollDeliveries: Aggregate<PollDeliveriesState, PollRecord> = {
  kind: 'poll_deliveries',
  version: 1,
  empty: () => new Map(),
  add: (state, poll) => deliver(state, poll.poll_id, { times: 1, rows: poll.rows, utc: pollTime(poll) }),
  merge(a, b) {
    const merged: PollDeliveriesState = new Map(a)
    for (const [pollId, delivery] of b) deliver(merged, pollId, delivery)
    return merged
  },
  encode: (state) =>
    [...state]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([pollId, { times, rows, utc }]) => [pollId, times, rows, utc]),
  decode: (json) =>
    new Map(
      (json as [string, number, number, number][]).map(([pollId, times, rows, utc]) => [
        pollId,
        { times, rows, utc },
      ]),
    ),
}
