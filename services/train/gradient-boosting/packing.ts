import { VelocastError } from '../../platform/errors.ts'

const EXACT_BITS = 53
/** Rows beyond this leave fewer than eight levels to the mean gradient. */
const MOST_ROWS = 2 ** 24 - 1

/**
 * A row's weight and gradient as whole numbers in one double, `weight * unit + gradient`: sums of doubles below 2^53 are
 * exact, so histograms do not depend on the order of rows or the number of threads, a sibling is exactly the parent
 * less the other child, and a cell takes one addition. Rounding is stochastic, thus without bias.
 */
export interface Packing {
  /** A power of two: what one unit of weight adds. */
  unit: number
  /** Whole weight units for one of weight; a power of two unless all rows weigh the same. */
  weightScale: number
  /** All rows weigh the same: one unit each. */
  uniform: boolean
  /** Bound on the sum of absolute whole gradients, rounding included. */
  gradientRoom: number
}

/** Splits the 53 bits between weights and gradients. Throws `request_invalid` beyond 16.7 million rows. */
export function choosePacking({
  rows,
  totalWeight,
  uniform,
}: {
  rows: number
  totalWeight: number
  uniform: boolean
}): Packing {
  if (rows > MOST_ROWS) {
    const message = `training rows must be at most ${MOST_ROWS}, sample them: got ${rows}`
    throw new VelocastError({ code: 'request_invalid', message })
  }
  const rowBits = Math.ceil(Math.log2(rows + 1))
  const spare = Math.max(1, Math.floor((EXACT_BITS - 1 - 2 * rowBits) / 3))
  const weightBits = uniform ? rowBits : rowBits + spare
  const unit = 2 ** (EXACT_BITS - weightBits)
  const weightScale = uniform ? rows / totalWeight : powerOfTwo((2 ** weightBits - 1 - rows) / totalWeight)
  return { unit, weightScale, uniform, gradientRoom: unit / 2 - 1 - rows }
}

/** Whole units for one of gradient, where the absolute gradients of all rows sum to `total`. */
export function gradientScale(packing: Packing, total: number): number {
  return total > 0 ? powerOfTwo(packing.gradientRoom / total) : 1
}

/** Whole weight of a packed sum. */
export function weightOf(packed: number, unit: number): number {
  return Math.floor(packed / unit + 0.5)
}

/** Whole gradient of a packed sum. */
export function gradientOf(packed: number, unit: number): number {
  return packed - weightOf(packed, unit) * unit
}

/** Whole units for one of a value whose absolute values sum to `total`, so that sums of `rows` of them are exact. */
export function exactScale(total: number, rows: number): number {
  return total > 0 ? powerOfTwo((2 ** (EXACT_BITS - 1) - rows) / total) : 1
}

function powerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(value))
}
