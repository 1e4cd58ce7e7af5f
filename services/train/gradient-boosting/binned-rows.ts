import { VelocastError } from '../../platform/errors.ts'
import { type Binning, fitBinning, MISSING_BIN } from './binning.ts'
import { assertFeatures, type Column, columnOf, type Features, featureCount, rowCount } from './features.ts'

const NEGATIVE_INFINITY_HALF = 0xff80
const NEGATIVE_ZERO_HALF = 0x8000
const INFINITY_HALF = 0x7f80

/** Features that share one 32-bit word a row, a byte each. */
export const LANES = 4
/** Words that a block holds side by side, row after row; the last block may have fewer. */
export const BLOCK_WORDS = 4

/**
 * Rows as bins in shared memory: bin once, train many models, on any threads. Two copies of one byte a cell, since the
 * two passes over a node's rows read them differently: histograms read all features of a row, partitions one of all rows.
 */
export interface BinnedRows {
  rows: number
  binning: Binning
  /** Sixteen features make a block of rows of 16 bytes, so that a row of a block is read at once. */
  blocks: SharedArrayBuffer
  /** Feature after feature: the bin of (row, feature) is byte `feature * rows + row`. */
  columns: SharedArrayBuffer
}

/** Where a feature's bins are in the blocks, in bytes: row r at `first + r * stride`. */
interface CellPlace {
  first: number
  stride: number
}

/** Words of the block that holds this word. */
export function blockWidth(word: number, features: number): number {
  const words = Math.ceil(features / LANES)
  return Math.min(BLOCK_WORDS, words - Math.floor(word / BLOCK_WORDS) * BLOCK_WORDS)
}

function cellPlace({ rows, binning }: Pick<BinnedRows, 'rows' | 'binning'>, feature: number): CellPlace {
  const word = Math.floor(feature / LANES)
  const block = Math.floor(word / BLOCK_WORDS)
  return {
    first: (block * BLOCK_WORDS * rows + (word % BLOCK_WORDS)) * LANES + (feature % LANES),
    stride: blockWidth(word, binning.edges.length) * LANES,
  }
}

/** Bins every row; fits the bins first unless they are given. Memory: two bytes a cell. Throws `request_invalid`. */
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
  return {
    rows,
    binning,
    blocks: new SharedArrayBuffer(words * LANES),
    columns: new SharedArrayBuffer(binning.edges.length * rows),
  }
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
  const bytes = new Uint8Array(binned.blocks)
  edges.forEach((cuts, feature) => {
    const { first, stride } = cellPlace(binned, feature)
    const cells = { first: first + from * stride, stride }
    const bins = new Uint8Array(binned.columns, feature * binned.rows + from, count)
    fillColumn({ column: columnOf(features, feature), cuts, bins })
    for (let row = 0; row < count; row += 1) bytes[cells.first + row * cells.stride] = bins[row]!
  })
}

/**
 * The upper half of a value's bits narrows its bin to a short range, which is then searched: a table look-up and a few
 * comparisons a cell.
 */
function fillColumn({
  column: { values, stride, offset },
  cuts,
  bins,
}: {
  column: Column
  cuts: Float32Array
  bins: Uint8Array
}): void {
  const halves = new Uint16Array(values.buffer, values.byteOffset, values.length * 2)
  const { lowest, highest } = binsByUpperHalf(cuts)
  for (let row = 0; row < bins.length; row += 1) {
    const place = row * stride + offset
    const half = halves[2 * place + 1]!
    const value = values[place]!
    let bin = lowest[half]!
    let end = highest[half]!
    while (bin < end) {
      const middle = (bin + end) >> 1
      if (value >= cuts[middle]!) bin = middle + 1
      else end = middle
    }
    bins[row] = Number.isNaN(value) ? MISSING_BIN : bin
  }
}

/**
 * The bins of the least and the greatest value of each upper half (sign, exponent, seven bits of the fraction): one walk
 * over halves and edges in ascending order of value. NaNs' halves stay 0.
 */
function binsByUpperHalf(cuts: Float32Array): { lowest: Uint8Array; highest: Uint8Array } {
  const lowest = new Uint8Array(2 ** 16)
  const highest = new Uint8Array(2 ** 16)
  const bits = new Uint32Array(1)
  const number = new Float32Array(bits.buffer)
  let bin = 0
  const walkTo = (half: number, rest: number): number => {
    bits[0] = half * 2 ** 16 + rest
    while (bin < cuts.length && number[0]! >= cuts[bin]!) bin += 1
    return bin
  }
  for (let half = NEGATIVE_INFINITY_HALF; half >= NEGATIVE_ZERO_HALF; half -= 1) {
    lowest[half] = walkTo(half, half === NEGATIVE_INFINITY_HALF ? 0 : 0xffff)
    highest[half] = walkTo(half, 0)
  }
  for (let half = 0; half <= INFINITY_HALF; half += 1) {
    lowest[half] = walkTo(half, 0)
    highest[half] = walkTo(half, half === INFINITY_HALF ? 0 : 0xffff)
  }
  return { lowest, highest }
}
