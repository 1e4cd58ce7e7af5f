import { encodeHistogram, type Grid, type Histogram, moments, total } from './aggregates/histogram.ts'
import { FEATURE_GRIDS, FEATURES, type Feature, type ValuesState } from './aggregates/values.ts'

/** At most this many bins for PSI: 20 of 5 % each, as the reference has. */
const PSI_BINS = 20
/**
 * Least share of a PSI bin. A bin that lost its 5 % then costs 0.31: visible, above the alert's threshold, and not
 * without bound (with 1e-9 one empty bin costs 0.9, and rare weather alone gives a PSI above 10).
 */
export const PSI_FLOOR = 1e-4
/** Fewer rows than this on either side give no figure. */
const LEAST_ROWS = 5

/** What changed in one feature from the reference to the window. Null: no reference, too few rows, or no spread. */
export interface FeatureDrift {
  feature: Feature
  /** Population stability index, >= 0. */
  psi: number | null
  /** Kolmogorov-Smirnov distance on the feature's grid, 0..1. */
  ks: number | null
  /** (mean now - mean then) / standard deviation then. */
  delta_mean: number | null
  /** (variance now - variance then) / variance then. */
  delta_var: number | null
}

/**
 * Upper cells (inclusive) of the PSI bins but the last, which is open: the reference's quantiles at k/20. Equal
 * quantiles are merged; a bin above the reference's greatest cell is never made, for nothing was there to compare with.
 */
export function psiEdges(reference: Histogram): number[] {
  const cells = encodeHistogram(reference)
  const rows = total(reference)
  const greatest = cells.at(-1)?.[0]
  const edges: number[] = []
  let seen = 0
  let k = 1
  for (const [cell, times] of cells) {
    seen += times
    let passed = false
    while (k < PSI_BINS && seen >= (k / PSI_BINS) * rows) {
      passed = true
      k += 1
    }
    if (passed && cell !== greatest) edges.push(cell)
  }
  return edges
}

/** Share of the rows in each bin; the outer bins reach to minus and plus infinity, so no row is dropped. */
function shares(histogram: Histogram, edges: number[]): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0)
  for (const [cell, times] of encodeHistogram(histogram)) {
    let bin = 0
    while (bin < edges.length && cell > edges[bin]!) bin += 1
    counts[bin]! += times
  }
  const rows = total(histogram)
  return counts.map((times) => times / rows)
}

/**
 * Population stability index: sum over bins of (p - q) * ln(p / q), p and q not below PSI_FLOOR.
 * Null when a side has fewer than LEAST_ROWS rows or the reference holds one value only.
 */
export function psi({ reference, current }: { reference: Histogram; current: Histogram }): number | null {
  if (total(reference) < LEAST_ROWS || total(current) < LEAST_ROWS) return null
  const edges = psiEdges(reference)
  if (edges.length === 0) return null
  const now = shares(current, edges)
  return shares(reference, edges).reduce((sum, share, bin) => {
    const p = Math.max(share, PSI_FLOOR)
    const q = Math.max(now[bin]!, PSI_FLOOR)
    return sum + (p - q) * Math.log(p / q)
  }, 0)
}

/** Greatest distance of the two cumulative distributions, exact on the grid. */
export function ks({ reference, current }: { reference: Histogram; current: Histogram }): number | null {
  const before = total(reference)
  const now = total(current)
  if (before < LEAST_ROWS || now < LEAST_ROWS) return null
  const cells = [...new Set([...reference.keys(), ...current.keys()])].sort((a, b) => a - b)
  let seenBefore = 0
  let seenNow = 0
  let greatest = 0
  for (const cell of cells) {
    seenBefore += reference.get(cell) ?? 0
    seenNow += current.get(cell) ?? 0
    greatest = Math.max(greatest, Math.abs(seenBefore / before - seenNow / now))
  }
  return greatest
}

/** Change of mean (in the reference's standard deviations) and of variance (relative). Null without spread. */
export function deltas({
  reference,
  current,
  grid,
}: {
  reference: Histogram
  current: Histogram
  grid: Grid
}): Pick<FeatureDrift, 'delta_mean' | 'delta_var'> {
  const before = moments({ histogram: reference, grid })
  const now = moments({ histogram: current, grid })
  if (Math.min(before.rows, now.rows) < LEAST_ROWS || !before.variance) {
    return { delta_mean: null, delta_var: null }
  }
  return {
    delta_mean: (now.mean! - before.mean!) / Math.sqrt(before.variance),
    delta_var: (now.variance! - before.variance) / before.variance,
  }
}

/** Drift of every feature that the window or the reference has; all figures null when there is no reference. */
export function driftByFeature({
  reference,
  current,
}: {
  reference: ValuesState | null
  current: ValuesState
}): FeatureDrift[] {
  const detected = FEATURES.filter(
    (feature) => current[feature].size > 0 || (reference?.[feature].size ?? 0) > 0,
  )
  return detected.map((feature) => {
    if (reference === null) return { feature, psi: null, ks: null, delta_mean: null, delta_var: null }
    const pair = { reference: reference[feature], current: current[feature] }
    return { feature, psi: psi(pair), ks: ks(pair), ...deltas({ ...pair, grid: FEATURE_GRIDS[feature] }) }
  })
}
