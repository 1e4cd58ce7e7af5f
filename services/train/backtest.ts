import { availableParallelism } from 'node:os'
import { localDayName, localHour } from '../domain/calendar.ts'
import { calibratedRow } from '../domain/forecasting/calibration.ts'
import { changeLabel, frozenRows, NO_LABEL } from '../domain/forecasting/labels.ts'
import { neighbourhood } from '../domain/forecasting/neighbours.ts'
import { RICH_FEATURE_SET } from '../domain/forecasting/rich-features.ts'
import { binAt, carryForward, NO_COUNT, rowAt } from '../domain/forecasting/station-grid.ts'
import { VelocastError } from '../platform/errors.ts'
import { HorizonScorer, type HorizonScores } from './backtest-scores.ts'
import { Climatology } from './climatology.ts'
import { ensembleOutputs } from './ensembles.ts'
import {
  columnsOf,
  docksThen,
  factsOf,
  type HorizonModel,
  type HorizonTraining,
  trainHorizon,
} from './horizon-model.ts'
import { type Recording, readRecording } from './recording.ts'
import { judgedRows, type RowSource } from './training-rows.ts'

export interface BacktestOptions {
  /** Parquet files with ts_utc, station_id, bikes and, where there, the other columns of a status file. */
  status: readonly string[]
  /** Station table (CSV): station_id, lat, lon, capacity. */
  stations: string
  /** Parquet: ts_utc, temp_C, precip_mm, wind_mps. */
  weather?: string | undefined
  timezone: string
  /** Epoch ms. Labels of training rows end before it; test rows begin at it. */
  trainUntil: number
  testUntil?: number | undefined
  /** Minutes. */
  horizons: readonly number[]
  /** Minutes by which an observation may be older than its bin's end. */
  carryMinutes?: number | undefined
  maxRows?: number | undefined
  foldRows?: number | undefined
  folds?: number | undefined
  rounds?: number | undefined
  seed?: number | undefined
  threads?: number | undefined
  boosting?: HorizonTraining['boosting']
  onProgress?: (progress: BacktestProgress) => void
  signal?: AbortSignal | undefined
}

export interface BacktestProgress {
  horizon: number | null
  stage: string
  /** 0..1 of the whole run. */
  share: number
}

interface HorizonResult extends HorizonScores {
  horizon_min: number
  training: {
    seconds: number
    rows: number
    out_of_sample_rows: number
    folds: number
    rounds: Record<string, number>
    features: string[]
  }
  /** The same without rows that begin or end in a frozen stretch; null when the test has none. */
  without_frozen: Pick<HorizonScores, 'n' | 'mae_model' | 'mae_persistence' | 'lift' | 'rmse_cut'> | null
}

export interface BacktestResult {
  feature_set: string
  timezone: string
  train_until: string
  test_until: string
  stations: number
  rows_read: number
  rows_dropped: Record<string, number>
  service_flags: boolean
  bins: number
  frozen_bins: { training: number; test: number }
  horizons: Record<string, HorizonResult>
  seconds: { reading: number; training: number; total: number }
  peak_memory_mb: number
}

const DEFAULTS = {
  maxRows: 2_000_000,
  foldRows: 600_000,
  folds: 3,
  rounds: 400,
  seed: 1,
  testUntil: Number.POSITIVE_INFINITY,
}
/** Test bins that are predicted at once: bounds the memory of the test to about 150 MB for 1,500 stations. */
const TEST_BINS = 288

/**
 * Trains on a recording up to `trainUntil` and scores what comes after, on every row that is in service at both ends;
 * frozen stretches are left out of training and reported beside. Nothing of the test is read before it is scored.
 * Throws as `readRecording` and `trainHorizon` do, and `request_invalid` for options that leave no test.
 */
export async function runBacktest(options: BacktestOptions): Promise<BacktestResult> {
  const started = performance.now()
  const { onProgress } = options
  onProgress?.({ horizon: null, stage: 'reading', share: 0 })
  const recording = await readRecording(options)
  const { grid } = recording
  if (options.carryMinutes !== undefined) carryForward(grid, options.carryMinutes)
  const reading = seconds(started)
  const split = Math.ceil((options.trainUntil - grid.start) / 300_000)
  const testUntil = Math.min(grid.bins, rowAt(grid, options.testUntil ?? DEFAULTS.testUntil))
  if (split <= 0 || split >= testUntil) {
    throw new VelocastError({
      code: 'request_invalid',
      message: `training must end within the recording and before the test's end, got ${new Date(options.trainUntil).toISOString()}`,
    })
  }
  for (const horizon of options.horizons) {
    if (Number.isInteger(horizon / 5) && horizon > 0) continue
    const message = `horizons must be whole multiples of 5 minutes, got ${horizon}`
    throw new VelocastError({ code: 'request_invalid', message })
  }
  const frozen = frozenRows({ grid, timezone: options.timezone, until: split })
  const places = recording.stations
  const shared = { grid, places, neighbourhood: neighbourhood(places), timezone: options.timezone, frozen }
  const horizons: Record<string, HorizonResult> = {}
  let trainingSeconds = 0
  let peak = memory()
  for (const [place, horizonMinutes] of options.horizons.entries()) {
    const report = (stage: string, share: number): void => {
      peak = Math.max(peak, memory())
      onProgress?.({ horizon: horizonMinutes, stage, share: (place + share) / options.horizons.length })
    }
    const source: RowSource = { ...shared, horizonMinutes }
    const from = performance.now()
    const model = await trainHorizon({
      source,
      span: { from: 0, until: split },
      maxRows: options.maxRows ?? DEFAULTS.maxRows,
      foldRows: options.foldRows ?? DEFAULTS.foldRows,
      folds: options.folds ?? DEFAULTS.folds,
      rounds: options.rounds ?? DEFAULTS.rounds,
      seed: options.seed ?? DEFAULTS.seed,
      threads: options.threads ?? Math.min(2, availableParallelism()),
      ...(options.boosting === undefined ? {} : { boosting: options.boosting }),
      onProgress: ({ stage, share }) => report(stage, share * 0.95),
      signal: options.signal,
    })
    const spent = seconds(from)
    trainingSeconds += spent
    report('scoring', 0.95)
    const scored = scoreTest({ source, model, split, testUntil })
    peak = Math.max(peak, memory())
    horizons[String(horizonMinutes)] = {
      horizon_min: horizonMinutes,
      ...scored.all,
      training: {
        seconds: spent,
        rows: model.facts.rows,
        out_of_sample_rows: model.facts.outOfSampleRows,
        folds: model.facts.folds,
        rounds: model.facts.rounds,
        features: [...model.features],
      },
      without_frozen: scored.withoutFrozen,
    }
  }
  onProgress?.({ horizon: null, stage: 'done', share: 1 })
  return {
    feature_set: RICH_FEATURE_SET,
    timezone: options.timezone,
    train_until: new Date(options.trainUntil).toISOString(),
    test_until: new Date(binAt(grid, testUntil)).toISOString(),
    stations: grid.stations,
    ...readFacts(recording),
    bins: grid.bins,
    frozen_bins: {
      training: total(frozen.subarray(0, split)),
      test: total(frozen.subarray(split, testUntil)),
    },
    horizons,
    seconds: { reading, training: trainingSeconds, total: seconds(started) },
    peak_memory_mb: Math.round(peak),
  }
}

function readFacts({
  rows,
  serviceFlags,
}: Recording): Pick<BacktestResult, 'rows_read' | 'rows_dropped' | 'service_flags'> {
  return { rows_read: rows.read, rows_dropped: rows.dropped, service_flags: serviceFlags }
}

/** Forecasts and scores of all rows from `split` on whose label exists, a day at a time. */
function scoreTest({
  source,
  model,
  split,
  testUntil,
}: {
  source: RowSource
  model: HorizonModel
  split: number
  testUntil: number
}): { all: HorizonScores; withoutFrozen: HorizonResult['without_frozen'] } {
  const { grid, timezone, horizonMinutes, frozen } = source
  const horizonBins = horizonMinutes / 5
  const rates = climatologies(source, split)
  const all = new HorizonScorer()
  const thawed = new HorizonScorer()
  let left = 0
  const last = testUntil - horizonBins
  for (let from = split; from < last; from += TEST_BINS) {
    const span = { from, until: Math.min(last, from + TEST_BINS) }
    const rows = judgedRows(source, span, { profile: model.profile, stride: 1, skipFrozen: false })
    if (rows.rows === 0) continue
    const facts = factsOf(source, rows)
    const outputs = ensembleOutputs(model.ensembles, columnsOf(rows, model.features))
    const docks = docksThen(source, rows)
    for (let row = 0; row < rows.rows; row += 1) {
      const station = rows.station[row]!
      const hour = facts.hour[row]!
      const bin = rows.bin[row]!
      const scored = {
        forecast: calibratedRow({ calibration: model.calibration, outputs, facts, row }),
        station,
        hour,
        day: localDayName({ utc: binAt(grid, bin), timezone }),
        bikesNow: facts.bikes[row]!,
        bikesThen: facts.bikes[row]! + rows.change[row]!,
        docksNow: facts.docks[row]!,
        docksThen: docks[row]!,
        climatology: {
          bike: rates.bike.climatology({ station, hour }),
          dock: rates.dock.climatology({ station, hour }),
        },
        persistence: {
          bike: rates.bike.persistence({ station, now: facts.bikes[row]! >= 1 }),
          dock: rates.dock.persistence({ station, now: facts.docks[row]! >= 1 }),
        },
      }
      all.add(scored)
      if (frozen[bin] === 1 || frozen[bin + horizonBins] === 1) left += 1
      else thawed.add(scored)
    }
  }
  const scores = all.scores()
  if (left === 0) return { all: scores, withoutFrozen: null }
  const { n, mae_model, mae_persistence, lift, rmse_cut } = thawed.scores()
  return { all: scores, withoutFrozen: { n, mae_model, mae_persistence, lift, rmse_cut } }
}

/** Rates of a bike and of a dock being there, from all labels before `split`. */
function climatologies(source: RowSource, split: number): { bike: Climatology; dock: Climatology } {
  const { grid, timezone, horizonMinutes } = source
  const horizonBins = horizonMinutes / 5
  const bike = new Climatology(grid.stations)
  const dock = new Climatology(grid.stations)
  for (let row = 0; row + horizonBins < split; row += 1) {
    const hour = localHour({ utc: binAt(grid, row), timezone })
    for (let station = 0; station < grid.stations; station += 1) {
      const change = changeLabel({ grid, row, station, horizonBins })
      if (change === NO_LABEL) continue
      const from = row * grid.stations + station
      const to = from + horizonBins * grid.stations
      const bikes = grid.bikes[from]!
      bike.add({ station, hour, now: bikes >= 1, later: bikes + change >= 1 })
      if (grid.docks[from] === NO_COUNT || grid.docks[to] === NO_COUNT) continue
      dock.add({ station, hour, now: grid.docks[from]! >= 1, later: grid.docks[to]! >= 1 })
    }
  }
  return { bike, dock }
}

function seconds(since: number): number {
  return Math.round((performance.now() - since) / 10) / 100
}

function memory(): number {
  return process.resourceUsage().maxRSS / 1024
}

function total(values: Uint8Array): number {
  return values.reduce((sum, value) => sum + value, 0)
}
