import { VelocastError } from '../../platform/errors.ts'
import { type BinnedRows, binRows } from './binned-rows.ts'
import type { BoostTask } from './boost.ts'
import type { Features } from './features.ts'
import { levelOf } from './loss.ts'
import { type BoostingOptions, type Loss, resolveOptions } from './options.ts'
import { choosePacking } from './packing.ts'
import { createTrainingMemory, dealRows } from './training-memory.ts'
import { weightedQuantile } from './weighted-quantile.ts'

export interface TrainingRows {
  /** Binned here, or beforehand to train several models on the same rows. */
  features: Features | BinnedRows
  /** One finite value a row; rows that are neither trained nor validated on may hold anything. */
  target: Float32Array
  /** One finite value of at least 0 a row; all 1 where absent. A row of weight 2 counts as the same row twice. */
  weights?: Float32Array
  /** Rows to train on; all but the validation rows where absent. See splitByTime. */
  rows?: Uint32Array
  /** Rows that decide when to stop; never trained on. */
  validation?: Uint32Array
  options?: Partial<BoostingOptions>
}

/** A task for each thread, with shared memory made for them. Throws `request_invalid` for unusable input. */
export function prepareTasks({
  features,
  target,
  weights,
  rows,
  validation = new Uint32Array(0),
  options: given = {},
}: TrainingRows): BoostTask[] {
  const binned = 'binning' in features ? features : binRows({ features, seed: given.seed ?? 0 })
  const options = resolveOptions(given, binned.binning.edges.length)
  const training = rows ?? rowsWithout(binned.rows, validation)
  assertApart(binned.rows, training, validation)
  const usable = { binned, target, weights: weights ?? null }
  const trained = assertUsable({ ...usable, rows: training, name: 'training' })
  const validated = assertUsable({ ...usable, rows: validation, name: 'validation' })
  if (trained.weight === 0) throw invalid('training rows must weigh more than 0, got 0')
  if (validation.length > 0 && validated.weight === 0) {
    throw invalid('validation rows must weigh more than 0, got 0')
  }
  const sizes = { trainingRows: training.length, validationRows: validation.length }
  const common = {
    memory: createTrainingMemory({ ...usable, ...sizes, options }),
    options,
    packing: choosePacking({
      rows: training.length,
      totalWeight: trained.weight,
      uniform: trained.uniform,
    }),
    base: Math.fround(baseOf({ loss: options.loss, target, weights: weights ?? null, rows: training })),
    ...sizes,
    trainingWeight: trained.weight,
    validationWeight: validated.weight,
  }
  return Array.from({ length: options.threads }, (_, thread): BoostTask => {
    const deal = { thread, threads: options.threads }
    return {
      ...common,
      training: dealRows({ ...deal, rows: training }),
      validation: dealRows({ ...deal, rows: validation }),
    }
  })
}

function rowsWithout(count: number, left: Uint32Array): Uint32Array {
  const marked = new Uint8Array(count)
  for (const row of left) marked[row] = 1
  let size = 0
  const rows = new Uint32Array(count)
  for (let row = 0; row < count; row += 1) {
    if (marked[row] === 1) continue
    rows[size] = row
    size += 1
  }
  return rows.subarray(0, size)
}

/** A row twice would be stepped twice; one in both sets would flatter the validation. Throws `request_invalid`. */
function assertApart(count: number, training: Uint32Array, validation: Uint32Array): void {
  const taken = new Uint8Array(count)
  for (const rows of [training, validation]) {
    for (const row of rows) {
      if (taken[row] === 1) throw invalid(`training and validation rows must differ, give row ${row} once`)
      taken[row] = 1
    }
  }
}

/** Sum of the rows' weights, and whether they are all alike. Throws `request_invalid` naming the first odd row. */
function assertUsable({
  binned,
  target,
  weights,
  rows,
  name,
}: {
  binned: BinnedRows
  target: Float32Array
  weights: Float32Array | null
  rows: Uint32Array
  name: string
}): { weight: number; uniform: boolean } {
  if (target.length !== binned.rows) {
    throw invalid(`target must have a value for each of ${binned.rows} rows, got ${target.length}`)
  }
  if (weights !== null && weights.length !== binned.rows) {
    throw invalid(`weights must have a value for each of ${binned.rows} rows, got ${weights.length}`)
  }
  let weight = 0
  let uniform = true
  const first = weights?.[rows[0] ?? 0] ?? 1
  for (const row of rows) {
    if (row >= binned.rows) throw invalid(`${name} rows must be below ${binned.rows}, got ${row}`)
    if (!Number.isFinite(target[row]!)) {
      throw invalid(`target must be finite, leave out ${name} row ${row}: got ${target[row]}`)
    }
    const own = weights === null ? 1 : weights[row]!
    if (!(own >= 0 && own < Number.POSITIVE_INFINITY)) {
      throw invalid(`weights must be finite and at least 0, mend ${name} row ${row}: got ${own}`)
    }
    weight += own
    uniform &&= own === first
  }
  return { weight, uniform }
}

/** The best constant: weighted mean or quantile of the target. */
function baseOf({
  loss,
  target,
  weights,
  rows,
}: {
  loss: Loss
  target: Float32Array
  weights: Float32Array | null
  rows: Uint32Array
}): number {
  if (loss.kind !== 'squared') {
    const values = Float64Array.from(rows, (row) => target[row]!)
    const sizes = Float64Array.from(rows, (row) => (weights === null ? 1 : weights[row]!))
    return weightedQuantile({ values, weights: sizes, from: 0, to: rows.length, level: levelOf(loss) })
  }
  let sum = 0
  let weight = 0
  for (const row of rows) {
    const own = weights === null ? 1 : weights[row]!
    sum += own * target[row]!
    weight += own
  }
  return sum / weight
}

function invalid(message: string): VelocastError {
  return new VelocastError({ code: 'request_invalid', message })
}
