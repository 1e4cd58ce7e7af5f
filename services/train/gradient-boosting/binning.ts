import { VelocastError } from '../../platform/errors.ts'
import { assertFeatures, type Column, columnOf, type Features, featureCount, rowCount } from './features.ts'
import { mix, SALT, sampleWithout } from './random.ts'

/** Values of one byte: 255 bins and a place for what is missing. */
const MAX_BINS = 255
export const MISSING_BIN = 255

const DEFAULT_SAMPLE_ROWS = 100_000

/**
 * Edges of each feature's bins, ascending, single precision: bin b holds `edges[b - 1] <= value < edges[b]`, so
 * "bin <= b" is exactly "value < edges[b]" in single precision, in training and in inference alike. The first bin is
 * open below, the last above; infinities fall into them.
 */
export interface Binning {
  edges: readonly Float32Array[]
}

/**
 * Quantile bins over a seeded sample of at most `sampleRows` (100,000) rows: a feature with few distinct values gets a
 * bin for each, otherwise bins hold about equally many rows and a frequent value has a bin of its own. Memory: the
 * sample of one feature. Throws `request_invalid`.
 */
export function fitBinning({
  features,
  maxBins = MAX_BINS,
  sampleRows = DEFAULT_SAMPLE_ROWS,
  seed = 0,
}: {
  features: Features
  maxBins?: number
  sampleRows?: number
  seed?: number
}): Binning {
  assertFeatures(features)
  if (!Number.isInteger(maxBins) || maxBins < 2 || maxBins > MAX_BINS) {
    const message = `bins must be a whole number from 2 to ${MAX_BINS}, got ${maxBins}`
    throw new VelocastError({ code: 'request_invalid', message })
  }
  const size = rowCount(features)
  const rows = sampleWithout({
    size,
    count: Math.min(size, Math.max(1, sampleRows)),
    salt: mix(seed, SALT.binning),
  })
  const edges = Array.from({ length: featureCount(features) }, (_, feature) =>
    edgesOf(presentValues(columnOf(features, feature), rows), maxBins),
  )
  return { edges }
}

/** Bins that a feature has, without the missing one. */
export function binCount(binning: Binning, feature: number): number {
  return binning.edges[feature]!.length + 1
}

function presentValues({ values, stride, offset }: Column, rows: Uint32Array): Float32Array {
  const present = new Float32Array(rows.length)
  let count = 0
  for (let place = 0; place < rows.length; place += 1) {
    const value = values[rows[place]! * stride + offset]!
    if (!Number.isNaN(value)) {
      present[count] = value
      count += 1
    }
  }
  return present.subarray(0, count).sort()
}

function edgesOf(sorted: Float32Array, maxBins: number): Float32Array {
  const distinct: number[] = []
  const counts: number[] = []
  for (const value of sorted) {
    if (distinct.length > 0 && value === distinct.at(-1)) counts[counts.length - 1]! += 1
    else {
      distinct.push(value)
      counts.push(1)
    }
  }
  const edges: number[] = []
  const cut = (place: number): void => {
    edges.push(between(distinct[place]!, distinct[place + 1]!))
  }
  if (distinct.length <= maxBins) {
    for (let place = 0; place + 1 < distinct.length; place += 1) cut(place)
    return Float32Array.from(edges)
  }
  let rest = sorted.length
  let filled = 0
  for (let place = 0; place + 1 < distinct.length && edges.length + 1 < maxBins; place += 1) {
    filled += counts[place]!
    const share = rest / (maxBins - edges.length)
    if (filled >= share || (filled >= share / 2 && counts[place + 1]! >= share)) {
      cut(place)
      rest -= filled
      filled = 0
    }
  }
  return Float32Array.from(edges)
}

/** A single-precision number that is greater than `low` and at most `high`, half way where there is room. */
function between(low: number, high: number): number {
  const middle = Math.fround(low / 2 + high / 2)
  return middle > low && middle <= high ? middle : high
}
