/** Largest change that is told apart; what is beyond counts as this. */
const LARGEST_CHANGE = 40
/** Values of a histogram: −LARGEST_CHANGE..LARGEST_CHANGE. */
export const CHANGE_VALUES = 2 * LARGEST_CHANGE + 1

/** Shares of the rows at which the score's bins end: fine in both tails, where most of the movement is. */
const SCORE_LEVELS = [
  0.005, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98,
  0.99, 0.995,
] as const
/** Shares of a score bin's rows at which its scale bins end. */
const SCALE_LEVELS = [0.2, 0.4, 0.6, 0.8] as const
export const SCALES = SCALE_LEVELS.length + 1
/** Rows that the score bin's own histogram counts as in each of its cells. */
const PRIOR_ROWS = 100

/**
 * Distribution of the change given two model outputs: a score (expected change) and a scale (expected |change|), learned
 * from rows that the models had not seen. The score's bins are cut into cells by scale; each cell has the shares of the
 * changes that came, moved by whole bikes with the score within the bin.
 */
export interface ChangeDistribution {
  /** Ascending ends of the score bins. */
  scoreEdges: number[]
  /** Mean score of each bin. */
  centres: number[]
  /** Ascending ends of the scale bins, for each score bin. */
  scaleEdges: number[][]
  /** P(change ≤ value) of each cell (score bin * SCALES + scale bin), CHANGE_VALUES numbers. */
  cumulative: Float32Array[]
}

export interface ScoredRows {
  score: Float32Array
  scale: Float32Array
  change: Float32Array
}

export function fitChangeDistribution({ score, scale, change }: ScoredRows): ChangeDistribution {
  const sorted = Float32Array.from(score).sort()
  const scoreEdges = uniqueEdges(sorted, SCORE_LEVELS)
  const bins = scoreEdges.length + 1
  const members = Array.from({ length: bins }, (): number[] => [])
  const sums = new Float64Array(bins)
  score.forEach((value, row) => {
    const bin = binOf(scoreEdges, value)
    members[bin]!.push(row)
    sums[bin]! += value
  })
  const centres = members.map((rows, bin) => (rows.length === 0 ? 0 : sums[bin]! / rows.length))
  const scaleEdges: number[][] = []
  const cumulative: Float32Array[] = []
  members.forEach((rows, bin) => {
    const edges = uniqueEdges(Float32Array.from(rows, (row) => scale[row]!).sort(), SCALE_LEVELS)
    scaleEdges.push(edges)
    const all = new Float64Array(CHANGE_VALUES)
    const cells = Array.from({ length: SCALES }, () => new Float64Array(CHANGE_VALUES))
    for (const row of rows) {
      const place = placeOf(change[row]! - shiftOf(score[row]!, centres[bin]!))
      all[place]! += 1
      cells[binOf(edges, scale[row]!)]![place]! += 1
    }
    for (const cell of cells) {
      const shares = new Float32Array(CHANGE_VALUES)
      const own = cell.reduce((sum, count) => sum + count, 0)
      let total = 0
      for (let place = 0; place < CHANGE_VALUES; place += 1) {
        const prior = rows.length === 0 ? (place === LARGEST_CHANGE ? 1 : 0) : all[place]! / rows.length
        total += (cell[place]! + PRIOR_ROWS * prior) / (own + PRIOR_ROWS)
        shares[place] = Math.min(1, total)
      }
      shares[CHANGE_VALUES - 1] = 1
      cumulative.push(shares)
    }
  })
  return { scoreEdges, centres, scaleEdges, cumulative }
}

/** P(change ≤ `value`) as a function of the value, for one row. Whole values; bounded by `lower` and `upper`. */
export interface RowDistribution {
  /** 0 below `lower`, 1 from `upper` on. */
  atMost(value: number): number
  /** The least change that is reached with at least this probability. */
  quantile(level: number): number
}

/**
 * One row's distribution within [lower, upper] (changes that leave between no bike and the most that can stand there):
 * what lies beyond a bound counts as the bound.
 */
export function rowDistribution(
  distribution: ChangeDistribution,
  row: { score: number; scale: number; lower: number; upper: number },
): RowDistribution {
  const { lower, upper } = row
  const bin = binOf(distribution.scoreEdges, row.score)
  const cell = bin * SCALES + binOf(distribution.scaleEdges[bin]!, row.scale)
  const shares = distribution.cumulative[cell]!
  const shift = shiftOf(row.score, distribution.centres[bin]!)
  const atMost = (value: number): number => {
    if (value < lower) return 0
    if (value >= upper) return 1
    const place = Math.floor(value) - shift + LARGEST_CHANGE
    return place < 0 ? 0 : place >= CHANGE_VALUES ? 1 : shares[place]!
  }
  return {
    atMost,
    quantile(level) {
      let from = 0
      let until = CHANGE_VALUES - 1
      while (from < until) {
        const middle = (from + until) >> 1
        if (shares[middle]! >= level) until = middle
        else from = middle + 1
      }
      return Math.min(Math.max(from - LARGEST_CHANGE + shift, lower), upper)
    },
  }
}

/**
 * The median, but moved from 0 only as far as each step of one bike is more likely right than wrong by `margin` on
 * either side of a half (0..0.4). With 0 it is the median. Steps that win half of the time gain nothing and make stations
 * worse as often as better.
 */
export function cautiousMedian(own: RowDistribution, margin: number): number {
  return Math.max(own.quantile(0.5 - margin), 0) + Math.min(own.quantile(0.5 + margin), 0)
}

function shiftOf(score: number, centre: number): number {
  return Math.round(score - centre)
}

function placeOf(change: number): number {
  return Math.min(Math.max(Math.round(change), -LARGEST_CHANGE), LARGEST_CHANGE) + LARGEST_CHANGE
}

/** Number of edges below or at the value. */
function binOf(edges: readonly number[], value: number): number {
  let from = 0
  let until = edges.length
  while (from < until) {
    const middle = (from + until) >> 1
    if (edges[middle]! <= value) from = middle + 1
    else until = middle
  }
  return from
}

function uniqueEdges(sorted: Float32Array, levels: readonly number[]): number[] {
  if (sorted.length === 0) return []
  const edges = levels.map((level) => sorted[Math.min(sorted.length - 1, Math.floor(level * sorted.length))]!)
  return edges.filter((edge, place) => place === 0 || edge > edges[place - 1]!)
}
