/** Rows by cell of a fixed grid. Sparse: holds only cells that were hit. */
export type Histogram = Map<number, number>

/** A fixed grid: the same cells on every machine and day, so histograms merge by adding counts. */
export interface Grid {
  cell(value: number): number
  /** The value that stands for a cell: exact on a grid of whole numbers, else its middle. */
  value(cell: number): number
}

/** One cell a whole number, 0 to `limit`; greater values share the last cell. */
export function wholeGrid({ limit }: { limit: number }): Grid {
  return {
    cell: (value) => Math.min(limit, Math.max(0, Math.floor(value))),
    value: (cell) => cell,
  }
}

/** Cells of `width` about the multiples of it from `low` to `high`; values outside share the outer cells. */
export function stepGrid({ width, low, high }: { width: number; low: number; high: number }): Grid {
  const last = Math.round((high - low) / width)
  return {
    cell: (value) => Math.min(last, Math.max(0, Math.round((value - low) / width))),
    value: (cell) => low + cell * width,
  }
}

export function count(histogram: Histogram, cell: number, times = 1): void {
  histogram.set(cell, (histogram.get(cell) ?? 0) + times)
}

export function mergeHistograms(a: Histogram, b: Histogram): Histogram {
  const merged = new Map(a)
  for (const [cell, times] of b) count(merged, cell, times)
  return merged
}

export function encodeHistogram(histogram: Histogram): [number, number][] {
  return [...histogram].sort(([a], [b]) => a - b)
}

export function decodeHistogram(pairs: [number, number][]): Histogram {
  return new Map(pairs)
}

export function total(histogram: Histogram): number {
  let sum = 0
  for (const times of histogram.values()) sum += times
  return sum
}

/**
 * Value of the cell that holds the quantile `p` (0..1): the lowest cell up to which at least p of the rows lie.
 * Null when empty. Off by at most half a cell.
 */
export function quantile({
  histogram,
  grid,
  p,
}: {
  histogram: Histogram
  grid: Grid
  p: number
}): number | null {
  const rows = total(histogram)
  let seen = 0
  for (const [cell, times] of encodeHistogram(histogram)) {
    seen += times
    if (seen >= p * rows) return grid.value(cell)
  }
  return null
}

/** Mean and variance (n - 1) of the cells' values, summed in cell order; null when there are too few rows. */
export function moments({ histogram, grid }: { histogram: Histogram; grid: Grid }): {
  rows: number
  mean: number | null
  variance: number | null
} {
  const cells = encodeHistogram(histogram)
  const rows = total(histogram)
  if (rows === 0) return { rows, mean: null, variance: null }
  let sum = 0
  for (const [cell, times] of cells) sum += times * grid.value(cell)
  const mean = sum / rows
  let squares = 0
  for (const [cell, times] of cells) squares += times * (grid.value(cell) - mean) ** 2
  return { rows, mean, variance: rows < 2 ? null : squares / (rows - 1) }
}
