import { VelocastError } from '../../platform/errors.ts'
import { type Binning, fitBinning, MISSING_BIN } from './binning.ts'
import { assertFeatures, type Column, columnOf, type Features, featureCount, rowCount } from './features.ts'

/** Features that share one 32-bit word a row, a byte each. */
export const LANES = 4

/**
 * Rows as bins, one byte a cell, in shared memory: bin once, train many models, on any threads. Four features share a
 * word: the bin of (row, feature) is byte `((feature >> 2) * rows + row) * 4 + (feature & 3)`.
 */
export interface BinnedRows {
  rows: number
  binning: Binning
  buffer: SharedArrayBuffer
}

/** Bins every row; fits the bins first unless they are given. Memory: one byte a cell. Throws `request_invalid`. */
export function binRows({
  features,
  binning,
  seed = 0,
}: {
  features: Features
  binning?: Binning
  seed?: number
}): BinnedRows {
  const bins = binning ?? fitBinning({ features, seed })
  const binned = createBinnedRows({ binning: bins, rows: rowCount(features) })
  fillBinnedRows({ binned, features, from: 0 })
  return binned
}

/** Room for `rows` rows, to be filled part by part, so that the unbinned rows need not be in memory together. */
export function createBinnedRows({ binning, rows }: { binning: Binning; rows: number }): BinnedRows {
  const words = Math.ceil(binning.edges.length / LANES) * rows
  if (words * LANES >= 2 ** 31) {
    const message = `binned rows must have fewer than 2^31 cells, use fewer rows or features: got ${words * LANES}`
    throw new VelocastError({ code: 'request_invalid', message })
  }
  return { rows, binning, buffer: new SharedArrayBuffer(words * LANES) }
}

/** Writes the bins of `features` to the rows from `from` on. Throws `request_invalid` where they do not fit. */
export function fillBinnedRows({
  binned,
  features,
  from,
}: {
  binned: BinnedRows
  features: Features
  from: number
}): void {
  assertFeatures(features)
  const { edges } = binned.binning
  const count = rowCount(features)
  if (featureCount(features) !== edges.length) {
    throw new VelocastError({
      code: 'request_invalid',
      message: `features must have the ${edges.length} columns of the binning, got ${featureCount(features)}`,
    })
  }
  if (from < 0 || from + count > binned.rows) {
    throw new VelocastError({
      code: 'request_invalid',
      message: `binned rows must hold the part, ${from} to ${from + count} of ${binned.rows}`,
    })
  }
  const bytes = new Uint8Array(binned.buffer)
  const padded = new Float32Array(256)
  edges.forEach((cuts, feature) => {
    padded.fill(Number.POSITIVE_INFINITY).set(cuts)
    const first = ((feature >> 2) * binned.rows + from) * LANES + (feature & 3)
    fillColumn({ column: columnOf(features, feature), count, padded, last: cuts.length, bytes, first })
  })
}

/** Binary search without branches over 255 edges, the missing ones at infinity: the count of edges <= value. */
function fillColumn({
  column: { values, stride, offset },
  count,
  padded,
  last,
  bytes,
  first,
}: {
  column: Column
  count: number
  padded: Float32Array
  last: number
  bytes: Uint8Array
  first: number
}): void {
  for (let row = 0; row < count; row += 1) {
    const value = values[row * stride + offset]!
    let bin = 0
    for (let step = 128; step > 0; step >>= 1) bin += value >= padded[bin + step - 1]! ? step : 0
    bytes[first + row * LANES] = Number.isNaN(value) ? MISSING_BIN : Math.min(bin, last)
  }
}
