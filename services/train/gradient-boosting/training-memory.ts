import { type BinnedRows, LANES } from './binned-rows.ts'
import { CELLS } from './histogram.ts'
import type { BoostingOptions } from './options.ts'
import { TEAM_WORDS } from './team.ts'
import { BATCH, RECORD } from './tree-grower.ts'

/** Rows of one block: dealt to the threads in turn, and summed up block by block, so that sums do not depend on them. */
export const BLOCK = 1024
/** Sums of a block: absolute gradients, loss. */
export const BLOCK_SUMS = 2

/**
 * What all threads share. Rows are those of the binned rows. About 24 bytes a row (plus 16 for losses that refit their
 * leaves to a quantile), two bytes a cell, and for each thread `BATCH` histograms of all features.
 */
export interface TrainingMemory {
  binned: BinnedRows
  target: Float32Array
  /** Null: all rows weigh one. */
  weights: Float32Array | null
  prediction: Float64Array
  /** Weight and gradient of a training row, see Packing. */
  packed: Float64Array
  control: Int32Array
  /** One double a thread: the sum of its rows at the root. */
  sums: Float64Array
  /** Staged histograms, an array a thread; `stageStride` doubles a node. */
  stages: Float64Array[]
  stageStride: number
  /** Best splits by thread and node. */
  records: Float64Array
  /** Sums of the blocks of training rows, then those of validation rows. */
  blocks: Float64Array
  /** By thread and leaf: the count of its rows. */
  leaves: Float64Array
  /** Leaf values that one thread found and all read. */
  values: Float64Array
  /** Residuals and whole weights by leaf; empty for squared error. */
  residuals: Float64Array
  residualWeights: Float64Array
}

export function createTrainingMemory({
  binned,
  target,
  weights,
  trainingRows,
  validationRows,
  options: { threads, maxLeaves, loss },
}: {
  binned: BinnedRows
  target: Float32Array
  weights: Float32Array | null
  trainingRows: number
  validationRows: number
  options: BoostingOptions
}): TrainingMemory {
  const doubles = (size: number): Float64Array => new Float64Array(new SharedArrayBuffer(size * 8))
  const singles = (values: Float32Array): Float32Array => {
    if (values.buffer instanceof SharedArrayBuffer) return values
    const shared = new Float32Array(new SharedArrayBuffer(values.byteLength))
    shared.set(values)
    return shared
  }
  const stageStride = Math.ceil(binned.binning.edges.length / LANES) * LANES * CELLS
  const batch = Math.min(BATCH, maxLeaves)
  const refitted = loss.kind === 'squared' ? 0 : trainingRows
  return {
    binned,
    target: singles(target),
    weights: weights === null ? null : singles(weights),
    prediction: doubles(binned.rows),
    packed: doubles(binned.rows),
    control: new Int32Array(new SharedArrayBuffer(TEAM_WORDS * 4)),
    sums: doubles(threads),
    stages: Array.from({ length: threads }, () => doubles(batch * stageStride)),
    stageStride,
    records: doubles(threads * 2 * BATCH * RECORD),
    blocks: doubles((Math.ceil(trainingRows / BLOCK) + Math.ceil(validationRows / BLOCK)) * BLOCK_SUMS),
    leaves: doubles(threads * maxLeaves),
    values: doubles(maxLeaves),
    residuals: doubles(refitted),
    residualWeights: doubles(refitted),
  }
}

/** Every `threads`-th block of `rows`, beginning with block `thread`. */
export function dealRows({
  rows,
  thread,
  threads,
}: {
  rows: Uint32Array
  thread: number
  threads: number
}): Uint32Array<ArrayBuffer> {
  const dealt: Uint32Array[] = []
  for (let from = thread * BLOCK; from < rows.length; from += threads * BLOCK) {
    dealt.push(rows.subarray(from, from + BLOCK))
  }
  const own = new Uint32Array(dealt.reduce((size, block) => size + block.length, 0))
  let place = 0
  for (const block of dealt) {
    own.set(block, place)
    place += block.length
  }
  return own
}
