import type { Loss } from './options.ts'
import type { Packing } from './packing.ts'
import { mix, SALT } from './random.ts'
import { BLOCK, BLOCK_SUMS, type TrainingMemory } from './training-memory.ts'

/** Slopes of a loss that is linear on either side: of the prediction above and below the target. */
export interface Slopes {
  above: number
  below: number
}

/** Null for squared error. */
export function slopesOf(loss: Loss): Slopes | null {
  if (loss.kind === 'squared') return null
  return loss.kind === 'absolute' ? { above: 1, below: 1 } : { above: 1 - loss.level, below: loss.level }
}

/** The quantile that the loss asks for. */
export function levelOf(loss: Loss): number {
  return loss.kind === 'quantile' ? loss.level : 0.5
}

/**
 * Sums absolute gradients and losses of a thread's rows block by block. The thread's blocks are those with the numbers
 * `thread`, `thread + threads` …, counted from `firstBlock`.
 */
export function sumBlocks({
  memory,
  rows,
  slopes,
  thread,
  threads,
  firstBlock,
}: {
  memory: TrainingMemory
  rows: Uint32Array
  slopes: Slopes | null
  thread: number
  threads: number
  firstBlock: number
}): void {
  let block = firstBlock + thread
  for (let from = 0; from < rows.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, rows.length)
    const place = block * BLOCK_SUMS
    if (slopes === null) squaredSums(memory, rows, from, to, place)
    else linearSums(memory, rows, from, to, place, slopes.above, slopes.below)
    block += threads
  }
}

function squaredSums(
  { prediction, target, weights, blocks }: TrainingMemory,
  rows: Uint32Array,
  from: number,
  to: number,
  place: number,
): void {
  let gradients = 0
  let losses = 0
  for (let index = from; index < to; index += 1) {
    const row = rows[index]!
    const weight = weights === null ? 1 : weights[row]!
    const difference = prediction[row]! - target[row]!
    gradients += weight * Math.abs(difference)
    losses += weight * difference * difference
  }
  blocks[place] = gradients
  blocks[place + 1] = losses
}

function linearSums(
  { prediction, target, weights, blocks }: TrainingMemory,
  rows: Uint32Array,
  from: number,
  to: number,
  place: number,
  above: number,
  below: number,
): void {
  let gradients = 0
  let losses = 0
  for (let index = from; index < to; index += 1) {
    const row = rows[index]!
    const weight = weights === null ? 1 : weights[row]!
    const difference = prediction[row]! - target[row]!
    const slope = difference > 0 ? above : difference < 0 ? below : 0
    gradients += weight * slope
    losses += weight * slope * Math.abs(difference)
  }
  blocks[place] = gradients
  blocks[place + 1] = losses
}

/** Adds up one kind of block sum, in order: `kind` 0 gradients, 1 loss. */
export function totalOfBlocks(blocks: Float64Array, first: number, count: number, kind: 0 | 1): number {
  let total = 0
  for (let block = first; block < first + count; block += 1) total += blocks[block * BLOCK_SUMS + kind]!
  return total
}

/**
 * Packs weight and gradient of each row, rounded up or down by chance, so that the rounding has no bias: the weight
 * always the same way, the gradient anew each round.
 */
export function packGradients({
  memory,
  rows,
  count,
  slopes,
  packing,
  scale,
  seed,
  round,
}: {
  memory: TrainingMemory
  rows: Uint32Array
  count: number
  slopes: Slopes | null
  packing: Packing
  scale: number
  seed: number
  round: number
}): void {
  const { prediction, target, weights, packed } = memory
  const { unit, weightScale, uniform } = packing
  const above = slopes?.above ?? 0
  const below = slopes?.below ?? 0
  const squared = slopes === null
  const salt = mix(round, mix(seed, SALT.gradients))
  const weightSalt = mix(seed, SALT.weights)
  for (let place = 0; place < count; place += 1) {
    const row = rows[place]!
    const weight = weights === null ? 1 : weights[row]!
    const difference = prediction[row]! - target[row]!
    const slope = squared ? difference : difference > 0 ? above : difference < 0 ? -below : 0
    const whole = uniform ? 1 : Math.floor(weight * weightScale + mix(row, weightSalt) * 2 ** -32)
    packed[row] = whole * unit + Math.floor(weight * slope * scale + mix(row, salt) * 2 ** -32)
  }
}
