/** Classes of stations by how much they move: the clusters of the guard. */
export const ACTIVITY_CLASSES = 6
const HOURS = 24
/** Rows that the classes' value counts as in the value of a class and hour, or of a station. */
const PRIOR_ROWS = { hour: 2000, station: 300 } as const

/**
 * Where the models may speak: weights of the mean's change by activity class and local hour, and whether the median may
 * leave persistence there and at the station. Learned on rows that the models had not seen.
 */
export interface PersistenceGuard {
  /** Activity class of each station. */
  classes: number[]
  /** 0..1 for each class * 24 + hour. */
  meanWeights: number[]
  /** 1 where the median may move, for each class * 24 + hour. */
  medianAllowed: number[]
  /** 1 where the median may move, for each station. */
  stationAllowed: number[]
}

export interface GuardRows {
  station: Int32Array
  /** Local hour of T, 0..23. */
  hour: Uint8Array
  change: Float32Array
  /** Change of the mean and of the median before the guard. */
  mean: Float32Array
  median: Float32Array
}

/** Stations by rising mean |change|, in classes of equal size; stations without rows are in the quietest. */
export function activityClasses(moves: Float64Array): number[] {
  const order = Array.from(moves, (_, station) => station).sort((a, b) => moves[a]! - moves[b]! || a - b)
  const classes = new Array<number>(moves.length).fill(0)
  order.forEach((station, rank) => {
    classes[station] = Math.floor((rank * ACTIVITY_CLASSES) / moves.length)
  })
  return classes
}

/**
 * Each weight is the least-squares factor of the mean's change in its class and hour, shrunk towards the overall one and
 * kept within 0..1. The median may move where its absolute errors, shrunk towards its class's, sum to less than those
 * of persistence.
 */
export function fitPersistenceGuard(rows: GuardRows, classes: number[]): PersistenceGuard {
  const cells = ACTIVITY_CLASSES * HOURS
  const products = new Float64Array(cells)
  const squares = new Float64Array(cells)
  const gains = new Float64Array(cells)
  const counts = new Float64Array(cells)
  const stationGains = new Float64Array(classes.length)
  const stationCounts = new Float64Array(classes.length)
  for (let row = 0; row < rows.change.length; row += 1) {
    const station = rows.station[row]!
    const cell = classes[station]! * HOURS + rows.hour[row]!
    const change = rows.change[row]!
    const mean = rows.mean[row]!
    const gain = Math.abs(change) - Math.abs(change - rows.median[row]!)
    products[cell]! += mean * change
    squares[cell]! += mean * mean
    gains[cell]! += gain
    counts[cell]! += 1
    stationGains[station]! += gain
    stationCounts[station]! += 1
  }
  const total = (values: Float64Array, first: number, length: number): number =>
    values.subarray(first, first + length).reduce((sum, value) => sum + value, 0)
  const allRows = Math.max(1, total(counts, 0, cells))
  const meanSquare = total(squares, 0, cells) / allRows
  const factor = meanSquare > 0 ? total(products, 0, cells) / allRows / meanSquare : 0
  const classGain = (cls: number): number =>
    total(gains, cls * HOURS, HOURS) / Math.max(1, total(counts, cls * HOURS, HOURS))
  const meanWeights: number[] = []
  const medianAllowed: number[] = []
  for (let cell = 0; cell < cells; cell += 1) {
    const prior = PRIOR_ROWS.hour * meanSquare
    const weight = (products[cell]! + prior * factor) / (squares[cell]! + prior)
    meanWeights.push(Number.isFinite(weight) ? Math.min(1, Math.max(0, weight)) : 0)
    const parent = classGain(Math.floor(cell / HOURS))
    medianAllowed.push(gains[cell]! + PRIOR_ROWS.hour * parent > 0 ? 1 : 0)
  }
  const stationAllowed = classes.map((cls, station) =>
    stationGains[station]! + PRIOR_ROWS.station * classGain(cls) >= 0 ? 1 : 0,
  )
  return { classes, meanWeights, medianAllowed, stationAllowed }
}

export function guardCell(guard: PersistenceGuard, station: number, hour: number): number {
  return guard.classes[station]! * HOURS + hour
}
