/**
 * What ended a poll: `ok` carried observations; `unchanged` answered the same body; `not_modified` answered 304;
 * `failed` gave no usable answer; `refused` answered, but no row could be taken.
 */
export const POLL_OUTCOMES = ['ok', 'unchanged', 'not_modified', 'failed', 'refused'] as const
export type PollOutcome = (typeof POLL_OUTCOMES)[number]

/** Where `ts_utc` came from: the feed's published time, or the fetch time because that was absent or too far ahead. */
const EVENT_TIME_SOURCES = ['published', 'fetched_absent', 'fetched_ahead', 'none'] as const
export type EventTimeSource = (typeof EVENT_TIME_SOURCES)[number]

/** Where a system's data comes from. */
export const SOURCES = ['live', 'replay', 'simulate'] as const
export type Source = (typeof SOURCES)[number]

/**
 * The record that ends each poll, in the partition of its observations, and advances its system's watermark
 * to `ts_utc`. Field names are those of the Avro record `PollRecord`. Times are epoch ms, UTC.
 */
export interface PollRecord {
  system: string
  poll_id: string
  outcome: PollOutcome
  /** An error code when `outcome` is `failed` or `refused`. */
  reason: string | null
  /** Observations published for this poll. */
  rows: number
  /** Stations refused, by reason. */
  refused: Record<string, number>
  /** Event time of the poll; null when it carried none (failed, refused, 304). */
  ts_utc: number | null
  ts_source: EventTimeSource
  published_utc: number | null
  /** When the answer (or the failure) came; in a replay the recorded fetch time, else the published time. */
  fetched_utc: number
  /** How long the request took, ms; null where nothing was requested. */
  duration_ms: number | null
  source: Source
  /** Seconds, as the feed says. */
  ttl_s: number | null
  gbfs_version: string | null
}

/**
 * Tells one fetch of a poll from another. A record that comes again with the same key is the same fetch, published
 * twice by a writer that was stopped: it counts once. The same poll id with another fetch is a feed that repeats itself.
 */
export function pollFetchKey({ poll_id, fetched_utc }: Pick<PollRecord, 'poll_id' | 'fetched_utc'>): string {
  return `${poll_id} ${fetched_utc}`
}
