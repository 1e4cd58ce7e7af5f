import {
  type ChangeDistribution,
  cautiousMedian,
  fitChangeDistribution,
  type RowDistribution,
  rowDistribution,
} from './change-distribution.ts'
import { applyIsotonic, fitIsotonic, type IsotonicCurve } from './isotonic.ts'
import { fitMeanWeights } from './mean-weights.ts'
import { fitPersistenceGuard, guardCell, type PersistenceGuard } from './persistence-guard.ts'

/** What the four ensembles say of one row, in bikes. */
export interface EnsembleOutputs {
  /** Squared error: the expected change. */
  squared: Float32Array
  /** Squared error on asinh(change / ASINH_SCALE), turned back: a robust middle. */
  robust: Float32Array
  /** Absolute error: the median change. */
  absolute: Float32Array
  /** Squared error on |change|: how much movement to expect. */
  scale: Float32Array
}
export const ENSEMBLES = ['squared', 'robust', 'absolute', 'scale'] as const
export type Ensemble = (typeof ENSEMBLES)[number]
export const ASINH_SCALE = 2

/** Margins of the median that are tried, ascending. */
const MARGINS = [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1] as const
/** Share of the median's gain over persistence that caution may cost. */
const CAUTION = 0.01

/** What a row's forecast needs besides the ensembles. Unknown counts are NaN. */
export interface RowFacts {
  /** Place in the pack's station table. */
  station: Int32Array
  /** Local hour of T. */
  hour: Uint8Array
  bikes: Float32Array
  docks: Float32Array
  capacity: Float32Array
}

export interface Calibration {
  meanWeights: number[]
  guard: PersistenceGuard
  distribution: ChangeDistribution
  /** Of `cautiousMedian`. */
  margin: number
  bike: IsotonicCurve
  dock: IsotonicCurve
}

export interface OutOfSampleRows extends RowFacts {
  outputs: EnsembleOutputs
  change: Float32Array
  /** Docks at T + h, NaN where unknown. */
  docksThen: Float32Array
}

/** One row's forecast: counts in bikes, bounded by [0, max(capacity, bikes now)]; quantiles and median are whole. */
export interface CalibratedRow {
  mean: number
  q10: number
  median: number
  q90: number
  pBike: number
  /** NaN where docks are unknown. */
  pDock: number
  docks: number
  /** P(bikes at T + h ≤ value). */
  atMost(value: number): number
}

/** The score of the distribution: both robust ensembles alike. Their mean moves only where one of them is sure. */
function scoreOf(outputs: EnsembleOutputs, row: number): number {
  return (outputs.robust[row]! + outputs.absolute[row]!) / 2
}

/** Learns from rows that the ensembles had not been trained on, in two passes: the distribution first, then what uses it. */
export function fitCalibration(rows: OutOfSampleRows, classes: number[]): Calibration {
  const { outputs, change } = rows
  const score = Float32Array.from(change, (_, row) => scoreOf(outputs, row))
  const distribution = fitChangeDistribution({ score, scale: outputs.scale, change })
  const meanWeights = fitMeanWeights([outputs.squared, outputs.robust, outputs.absolute], change)
  const mean = new Float32Array(change.length)
  const medians = MARGINS.map(() => new Float32Array(change.length))
  const rawBike: number[] = []
  const hasBike: number[] = []
  const rawDock: number[] = []
  const hasDock: number[] = []
  for (let row = 0; row < change.length; row += 1) {
    const { lower, upper } = boundsOf(rows, row)
    mean[row] = clip(weightedMean(meanWeights, outputs, row), lower, upper)
    const own = rowDistribution(distribution, {
      score: score[row]!,
      scale: outputs.scale[row]!,
      lower,
      upper,
    })
    MARGINS.forEach((margin, place) => {
      medians[place]![row] = cautiousMedian(own, margin)
    })
    rawBike.push(bikeShare(own, rows.bikes[row]!))
    hasBike.push(rows.bikes[row]! + change[row]! >= 1 ? 1 : 0)
    if (Number.isNaN(rows.docksThen[row]!) || Number.isNaN(rows.docks[row]!)) continue
    rawDock.push(dockShare(own, rows.docks[row]!))
    hasDock.push(rows.docksThen[row]! >= 1 ? 1 : 0)
  }
  const chosen = chosenMargin(medians, change)
  const median = medians[chosen]!
  return {
    meanWeights,
    guard: fitPersistenceGuard({ station: rows.station, hour: rows.hour, change, mean, median }, classes),
    distribution,
    margin: MARGINS[chosen]!,
    bike: fitIsotonic(Float32Array.from(rawBike), Uint8Array.from(hasBike)),
    dock: fitIsotonic(Float32Array.from(rawDock), Uint8Array.from(hasDock)),
  }
}

/** Place of the widest margin whose gain over persistence is within CAUTION of the greatest. */
function chosenMargin(medians: readonly Float32Array[], change: Float32Array): number {
  const gains = medians.map((median) =>
    change.reduce((sum, value, row) => sum + Math.abs(value) - Math.abs(value - median[row]!), 0),
  )
  const best = Math.max(...gains)
  return gains.findLastIndex((gain) => gain >= best - CAUTION * Math.abs(best))
}

/** One row's forecast. `outputs` and `facts` are a batch's; nothing is copied. */
export function calibratedRow(options: {
  calibration: Calibration
  outputs: EnsembleOutputs
  facts: RowFacts
  row: number
}): CalibratedRow {
  const { calibration, outputs, facts, row } = options
  const { guard, distribution } = calibration
  const bikes = facts.bikes[row]!
  const docks = facts.docks[row]!
  const station = facts.station[row]!
  const cell = guardCell(guard, station, facts.hour[row]!)
  const { lower, upper } = boundsOf(facts, row)
  const score = scoreOf(outputs, row)
  const own = rowDistribution(distribution, { score, scale: outputs.scale[row]!, lower, upper })
  const moves = guard.medianAllowed[cell] === 1 && guard.stationAllowed[station] === 1
  const median = moves ? cautiousMedian(own, calibration.margin) : 0
  const change = clip(
    guard.meanWeights[cell]! * weightedMean(calibration.meanWeights, outputs, row),
    lower,
    upper,
  )
  return {
    mean: bikes + change,
    q10: bikes + Math.min(own.quantile(0.1), median),
    median: bikes + median,
    q90: bikes + Math.max(own.quantile(0.9), median),
    pBike: applyIsotonic(calibration.bike, bikeShare(own, bikes)),
    pDock: Number.isNaN(docks) ? Number.NaN : applyIsotonic(calibration.dock, dockShare(own, docks)),
    docks: Number.isNaN(docks) ? Number.NaN : Math.max(0, docks - change),
    atMost: (value) => own.atMost(value - bikes),
  }
}

/** Changes that leave between no bike and max(capacity, bikes now). */
function boundsOf(
  { bikes, capacity }: Pick<RowFacts, 'bikes' | 'capacity'>,
  row: number,
): {
  lower: number
  upper: number
} {
  const now = bikes[row]!
  const most = capacity[row]!
  return { lower: -now, upper: most > 0 ? Math.max(most, now) - now : Number.POSITIVE_INFINITY }
}

function weightedMean(weights: readonly number[], outputs: EnsembleOutputs, row: number): number {
  return (
    weights[0]! * outputs.squared[row]! +
    weights[1]! * outputs.robust[row]! +
    weights[2]! * outputs.absolute[row]!
  )
}

function bikeShare(own: RowDistribution, bikes: number): number {
  return 1 - own.atMost(-bikes)
}

/** Docks are left unless the change fills them all. */
function dockShare(own: RowDistribution, docks: number): number {
  return own.atMost(docks - 1)
}

function clip(value: number, lower: number, upper: number): number {
  return Math.min(Math.max(value, lower), upper)
}
