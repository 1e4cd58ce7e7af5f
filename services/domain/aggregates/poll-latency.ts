import type { PollRecord } from '../poll.ts'
import type { Aggregate } from './aggregate.ts'
import {
  count,
  decodeHistogram,
  encodeHistogram,
  type Histogram,
  mergeHistograms,
  wholeGrid,
} from './histogram.ts'

/** Whole seconds up to a day; greater latencies share the last cell. */
export const LATENCY_GRID = wholeGrid({ limit: 86_400 })

/** Seconds from published to fetched, of polls that brought rows. Published after the fetch counts as 0. */
export const pollLatency: Aggregate<Histogram, PollRecord> = {
  kind: 'poll_latency',
  version: 1,
  empty: () => new Map(),
  add(state, poll) {
    if (poll.outcome !== 'ok' || poll.published_utc === null) return
    count(state, LATENCY_GRID.cell((poll.fetched_utc - poll.published_utc) / 1000))
  },
  merge: mergeHistograms,
  encode: encodeHistogram,
  decode: (json) => decodeHistogram(json as [number, number][]),
}
