import type { PollRecord } from '../poll.ts'

/**
 * The moment a poll counts for, epoch ms: when it was fetched, or its event time where that is later (a feed's
 * clock may run up to 2 min ahead). Never before a bin that an earlier poll of the same clock has closed.
 */
export function pollTime(poll: PollRecord): number {
  return Math.max(poll.fetched_utc, poll.ts_utc ?? poll.fetched_utc)
}
