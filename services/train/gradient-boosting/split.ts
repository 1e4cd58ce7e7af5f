import { MISSING_BIN } from './binning.ts'
import type { BoostingOptions } from './options.ts'
import type { Packing } from './packing.ts'

/** Added and taken off again, it rounds a double below 2^51 to a whole number. */
const ROUNDING = 1.5 * 2 ** 52

/** Within a scan a split must be better by more than rounding, so that the first of equal ones stays. */
const BETTER = 1 + 1e-12
/** Between scans, gains in single precision decide, an order that does not depend on which thread scans what. */
const AS_GOOD = 1 - 2 ** -21

/** Penalties and limits in whole units of weight and gradient, so that a scan needs no conversion. */
export interface SplitRules {
  unit: number
  l1: number
  l2: number
  minChildWeight: number
  /** Least gain, in squared gradient units over weight units. */
  minGain: number
  /** A real gain for one of those. */
  gainScale: number
}

export function splitRules(
  packing: Packing,
  gradientUnits: number,
  options: Pick<BoostingOptions, 'l1' | 'l2' | 'minChildWeight' | 'minSplitGain'>,
): SplitRules {
  const gainScale = packing.weightScale / gradientUnits ** 2
  return {
    unit: packing.unit,
    l1: options.l1 * gradientUnits,
    l2: options.l2 * packing.weightScale,
    minChildWeight: Math.max(1, options.minChildWeight * packing.weightScale * (1 - 1e-9)),
    minGain: options.minSplitGain / gainScale,
    gainScale,
  }
}

/** The best split found so far, over the features that were scanned. `feature` is −1 while there is none. */
export interface BestSplit {
  feature: number
  /** Rows with a bin up to this go left; −1 sends every present value right. */
  bin: number
  missingLeft: boolean
  /** Sum of both children's scores less the node's, in rule units. */
  gain: number
  /** Packed sum of the left child. */
  left: number
}

/** T(G)² / (W + l2), where T shrinks the absolute value by l1: what a leaf takes off twice the loss. */
export function score(gradient: number, weight: number, l1: number, l2: number): number {
  const shrunk = Math.max(Math.abs(gradient) - l1, 0)
  return (shrunk * shrunk) / (weight + l2)
}

/**
 * Scans one feature's histogram in a node whose packed sum is `total`: every bin edge with the missing rows on either
 * side, and the missing rows alone against all others. Puts the split into `best` if it is better; among equals the
 * first one found stays. Where no row is missing, missing values follow the heavier child.
 *
 * `direction` 1 or −1 admits only splits whose child values do not fall or rise with the feature.
 */
export function scanFeature(
  histograms: Float64Array,
  offset: number,
  bins: number,
  feature: number,
  direction: number,
  total: number,
  rules: SplitRules,
  best: BestSplit,
): void {
  const missing = histograms[offset + MISSING_BIN]!
  if (missing === 0) {
    scanEdges(histograms, offset, bins, feature, direction, total, 0, 0, rules, best)
    return
  }
  scanEdges(histograms, offset, bins, feature, direction, total, 0, missing, rules, best)
  scanEdges(histograms, offset, bins, feature, direction, total, missing, missing, rules, best)
  scanMissing(feature, missing, total, rules, best)
}

/**
 * One pass over the edges; `from` is what is on the left to begin with. Edges that leave only missing rows on a side are
 * left to `scanMissing`, so that each division of the rows is tried once. Scores are compared as fractions, numerator
 * against bound times denominator, because divisions were a third of the time.
 */
function scanEdges(
  histograms: Float64Array,
  offset: number,
  bins: number,
  feature: number,
  direction: number,
  total: number,
  from: number,
  missing: number,
  rules: SplitRules,
  best: BestSplit,
): void {
  const { unit, l1, l2, minChildWeight } = rules
  const share = 1 / unit
  const weight = Math.floor(total * share + 0.5)
  const gradient = total - weight * unit
  const parent = score(gradient, weight, l1, l2)
  let bound = best.gain * AS_GOOD + parent
  let found = -1
  let foundLeft = 0
  const end = from === 0 ? total - missing : total
  let left = from
  for (let bin = 0; bin < bins - 1; bin += 1) {
    left += histograms[offset + bin]!
    if (left === from || left === end) continue
    const leftWeight = left * share + ROUNDING - ROUNDING
    if (leftWeight < minChildWeight) continue
    const rightWeight = weight - leftWeight
    if (rightWeight < minChildWeight) break
    let leftGradient = left - leftWeight * unit
    let rightGradient = gradient - leftGradient
    if (l1 !== 0) {
      leftGradient = shrink(leftGradient, l1)
      rightGradient = shrink(rightGradient, l1)
    }
    const leftDivisor = leftWeight + l2
    const rightDivisor = rightWeight + l2
    const numerator = leftGradient * leftGradient * rightDivisor + rightGradient * rightGradient * leftDivisor
    const denominator = leftDivisor * rightDivisor
    if (numerator > bound * denominator) {
      const rise = leftGradient / leftDivisor - rightGradient / rightDivisor
      if (direction * rise < 0) continue
      bound = (numerator / denominator) * BETTER
      found = bin
      foundLeft = left
    }
  }
  const gain = Math.fround(bound / BETTER - parent)
  if (found < 0 || gain <= best.gain) return
  best.gain = gain
  best.feature = feature
  best.bin = found
  best.left = foundLeft
  best.missingLeft = missing !== 0 ? from !== 0 : Math.floor(foundLeft * share + 0.5) * 2 >= weight
}

function shrink(gradient: number, l1: number): number {
  return Math.sign(gradient) * Math.max(Math.abs(gradient) - l1, 0)
}

/** The missing rows on the left, all present ones on the right. */
function scanMissing(
  feature: number,
  missing: number,
  total: number,
  rules: SplitRules,
  best: BestSplit,
): void {
  const { unit, l1, l2, minChildWeight } = rules
  const weight = Math.floor(total / unit + 0.5)
  const leftWeight = Math.floor(missing / unit + 0.5)
  const rightWeight = weight - leftWeight
  if (leftWeight < minChildWeight || rightWeight < minChildWeight) return
  const leftGradient = missing - leftWeight * unit
  const gradient = total - weight * unit
  const sum = score(leftGradient, leftWeight, l1, l2) + score(gradient - leftGradient, rightWeight, l1, l2)
  const parent = score(gradient, weight, l1, l2)
  const gain = Math.fround(sum - parent)
  if (gain <= best.gain) return
  best.gain = gain
  best.feature = feature
  best.bin = -1
  best.left = missing
  best.missingLeft = true
}
