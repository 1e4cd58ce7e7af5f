/** A non-decreasing step function from raw to calibrated probability, linear between its points. */
export interface IsotonicCurve {
  /** Ascending raw values, and the calibrated one of each. */
  raw: number[]
  calibrated: number[]
}

/** Equal-count groups that the rows are put in before they are pooled: bounds the curve's size. */
const GROUPS = 200
/**
 * Isotonic regression of outcomes (0 or 1) on raw probabilities by pooling adjacent violators (Ayer et al. 1955), on the
 * means of at most 200 groups of equal raw values. Without rows it is the identity.
 */
export function fitIsotonic(raw: Float32Array, outcome: Uint8Array): IsotonicCurve {
  if (raw.length === 0) return { raw: [0, 1], calibrated: [0, 1] }
  const order = Uint32Array.from(raw, (_, row) => row).sort((a, b) => raw[a]! - raw[b]!)
  const size = Math.max(1, Math.ceil(order.length / GROUPS))
  const pools: { weight: number; raw: number; sum: number }[] = []
  let at = 0
  while (at < order.length) {
    let until = Math.min(order.length, at + size)
    while (until < order.length && raw[order[until]!] === raw[order[until - 1]!]) until += 1
    const group = { weight: until - at, raw: 0, sum: 0 }
    for (; at < until; at += 1) {
      group.raw += raw[order[at]!]!
      group.sum += outcome[order[at]!]!
    }
    pools.push(group)
    while (pools.length > 1) {
      const last = pools.at(-1)!
      const before = pools.at(-2)!
      if (before.sum / before.weight < last.sum / last.weight) break
      before.weight += last.weight
      before.raw += last.raw
      before.sum += last.sum
      pools.pop()
    }
  }
  // No finite sample proves that something cannot be: 0 and 1 are kept away from by one row of a group.
  const edge = 1 / (size + 2)
  return {
    raw: pools.map((pool) => pool.raw / pool.weight),
    calibrated: pools.map(({ sum, weight }) => Math.min(Math.max(sum / weight, edge), 1 - edge)),
  }
}

/** The curve's value; flat beyond its ends. */
export function applyIsotonic({ raw, calibrated }: IsotonicCurve, value: number): number {
  const last = raw.length - 1
  if (value <= raw[0]!) return calibrated[0]!
  if (value >= raw[last]!) return calibrated[last]!
  let from = 0
  let until = last
  while (until - from > 1) {
    const middle = (from + until) >> 1
    if (raw[middle]! <= value) from = middle
    else until = middle
  }
  const share = (value - raw[from]!) / (raw[until]! - raw[from]!)
  return calibrated[from]! + share * (calibrated[until]! - calibrated[from]!)
}
