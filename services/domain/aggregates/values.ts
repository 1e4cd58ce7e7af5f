import type { Aggregate, FinalRow, Json } from './aggregate.ts'
import {
  count,
  decodeHistogram,
  encodeHistogram,
  type Grid,
  type Histogram,
  mergeHistograms,
  stepGrid,
  wholeGrid,
} from './histogram.ts'

const BIKES = wholeGrid({ limit: 65_535 })

/**
 * Features whose drift is watched, with their grids. Counts are exact. Occupancy goes in steps of 0.5 %: half of
 * what one bike is at the largest common station (100 docks). Weather is finer than the providers' own rounding
 * (0.1 degrees, 0.1 mm, 0.1 m/s).
 */
export const FEATURE_GRIDS = {
  bikes: BIKES,
  docks: BIKES,
  mechanical: BIKES,
  ebike: BIKES,
  capacity: BIKES,
  occ_ratio: stepGrid({ width: 0.005, low: 0, high: 2 }),
  temp_C: stepGrid({ width: 0.1, low: -60, high: 60 }),
  precip_mm: stepGrid({ width: 0.1, low: 0, high: 200 }),
  wind_mps: stepGrid({ width: 0.1, low: 0, high: 100 }),
} as const satisfies Record<string, Grid>

export type Feature = keyof typeof FEATURE_GRIDS
export const FEATURES = Object.keys(FEATURE_GRIDS) as Feature[]

export type ValuesState = Record<Feature, Histogram>

function featureOf(row: FinalRow, feature: Feature): number | null {
  if (feature !== 'occ_ratio') return row[feature]
  if (row.bikes === null || row.capacity === null || row.capacity <= 0) return null
  return row.bikes / row.capacity
}

function build(histogram: (feature: Feature) => Histogram): ValuesState {
  return Object.fromEntries(FEATURES.map((feature) => [feature, histogram(feature)])) as ValuesState
}

/** How the values of each feature are spread. A row counts once for each feature it has. At most some 10,000 cells. */
export const values: Aggregate<ValuesState, FinalRow> = {
  kind: 'values',
  version: 1,
  empty: () => build(() => new Map()),
  add(state, row) {
    for (const feature of FEATURES) {
      const value = featureOf(row, feature)
      if (value !== null) count(state[feature], FEATURE_GRIDS[feature].cell(value))
    }
  },
  merge: (a, b) => build((feature) => mergeHistograms(a[feature], b[feature])),
  encode: (state) =>
    Object.fromEntries(FEATURES.map((feature) => [feature, encodeHistogram(state[feature])])) as Json,
  decode(json) {
    const stored = json as Record<Feature, [number, number][]>
    return build((feature) => decodeHistogram(stored[feature] ?? []))
  },
}
