import { DAY_MS } from './bin.ts'
import type { EventTimeSource } from './poll.ts'
import { ReadingError } from './reading-error.ts'

/** A published time further ahead of the fetch than this is a wrong clock: the fetch time is taken. */
export const AHEAD_LIMIT_MS = 120_000
/** Further ahead than this nothing of the poll can be trusted: it is refused. */
const FAR_AHEAD_MS = DAY_MS

export interface EventTime {
  ts_utc: number
  ts_source: EventTimeSource
  /** The fetch time, or in a replay without one the published time. */
  fetched_utc: number
}

/**
 * Event time of a poll (law 1): the published time, unless it is absent or more than 2 minutes after the fetch; then
 * the fetch time. Without a fetch time (a replay) the published time stands in for it. Epoch ms.
 * Throws ReadingError `feed_published_far_ahead` for a published time more than a day after the fetch,
 * `feed_malformed` when there is neither.
 */
export function eventTime(times: { publishedUtc: number | null; fetchedUtc: number | null }): EventTime {
  const { publishedUtc } = times
  const fetched_utc = times.fetchedUtc ?? publishedUtc
  if (fetched_utc === null) {
    throw new ReadingError({
      code: 'feed_malformed',
      message: 'feed states no published time and no fetch time was recorded: give the fetch time, got null',
    })
  }
  if (publishedUtc === null) return { ts_utc: fetched_utc, ts_source: 'fetched_absent', fetched_utc }
  const ahead = publishedUtc - fetched_utc
  if (ahead > FAR_AHEAD_MS) {
    throw new ReadingError({
      code: 'feed_published_far_ahead',
      message: `published time is more than a day after the fetch: the publisher's clock is wrong, got ${new Date(publishedUtc).toISOString()}`,
    })
  }
  if (ahead > AHEAD_LIMIT_MS) return { ts_utc: fetched_utc, ts_source: 'fetched_ahead', fetched_utc }
  return { ts_utc: publishedUtc, ts_source: 'published', fetched_utc }
}
