import type { Aggregate, FinalRow } from './aggregate.ts'
import {
  count,
  decodeHistogram,
  encodeHistogram,
  type Histogram,
  mergeHistograms,
  wholeGrid,
} from './histogram.ts'

/** Whole minutes up to 30 days; older stations share the last cell. */
export const REPORTING_AGE_GRID = wholeGrid({ limit: 43_200 })

/**
 * How old a station's own report was when it was fetched: minutes from `last_reported` to `fetched_utc`, of rows
 * that say when they were reported. A report from the future counts as new.
 */
export const reportingAge: Aggregate<Histogram, FinalRow> = {
  kind: 'reporting_age',
  version: 1,
  empty: () => new Map(),
  add(state, row) {
    if (row.last_reported === null) return
    count(state, REPORTING_AGE_GRID.cell((row.fetched_utc - row.last_reported) / 60_000))
  },
  merge: mergeHistograms,
  encode: encodeHistogram,
  decode: (json) => decodeHistogram(json as [number, number][]),
}
