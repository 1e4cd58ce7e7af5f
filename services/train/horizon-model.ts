import { localHour } from '../domain/calendar.ts'
import {
  type Calibration,
  ENSEMBLES,
  type Ensemble,
  type EnsembleOutputs,
  fitCalibration,
  type OutOfSampleRows,
  type RowFacts,
} from '../domain/forecasting/calibration.ts'
import { activityClasses } from '../domain/forecasting/persistence-guard.ts'
import {
  buildProfile,
  combineProfiles,
  type Profile,
  type ProfileSums,
} from '../domain/forecasting/profile.ts'
import { RICH_FEATURES } from '../domain/forecasting/rich-features.ts'
import { binAt, NO_AGE, NO_COUNT } from '../domain/forecasting/station-grid.ts'
import { VelocastError } from '../platform/errors.ts'
import { type Ensembles, ensembleOutputs, trainEnsembles } from './ensembles.ts'
import { type BinnedRows, binRows } from './gradient-boosting/binned-rows.ts'
import type { Features } from './gradient-boosting/features.ts'
import type { BoostingOptions } from './gradient-boosting/options.ts'
import {
  daysOf,
  joinRows,
  judgedRows,
  profileSums,
  type RowSource,
  rowsFrom,
  type SampleRows,
  trainingRows,
} from './training-rows.ts'

/** All that a forecast of one horizon needs: encoders, ensembles, calibration. */
export interface HorizonModel {
  horizonMinutes: number
  /** Names of the input columns, a part of RICH_FEATURES in its order. */
  features: readonly string[]
  profile: Profile
  sums: ProfileSums
  ensembles: Ensembles
  calibration: Calibration
  facts: {
    rows: number
    outOfSampleRows: number
    folds: number
    rounds: Record<Ensemble, number>
  }
}

export interface HorizonTraining {
  source: RowSource
  /** Grid rows; every label ends before `until`. */
  span: { from: number; until: number }
  /** Rows at most for the models that are kept, and for each of the fold's. */
  maxRows: number
  foldRows: number
  folds: number
  rounds: number
  seed: number
  threads: number
  boosting?: Partial<BoostingOptions>
  onProgress?: ((progress: { stage: string; share: number }) => void) | undefined
  signal?: AbortSignal | undefined
}

/** A span of fewer days says nothing of the single days of the week. */
const WEEKDAY_DAYS = 21
/** Rounds of the kept models: those of the folds, which had fewer rows, and some more. */
const MORE_ROUNDS = 1.2

/**
 * Trains one horizon. The span's days are cut into blocks; for each block, models trained on the others predict it. On
 * those predictions, which no model had seen, the calibration is learned and the rounds are chosen; then the models
 * that are kept are trained on all rows. Throws `request_invalid` when the span has no label or fewer than two days with any.
 */
export async function trainHorizon(training: HorizonTraining): Promise<HorizonModel> {
  const { source, span, foldRows, folds, rounds, seed, threads, onProgress, signal } = training
  const features = featureNames(source, span)
  const sums = profileSums(source, span)
  const rowsThere = sums.count.reduce((sum, count) => sum + count, 0)
  const blocks = dayBlocks(source, span, folds)
  if (rowsThere === 0 || blocks.length < 2) {
    throw new VelocastError({
      code: 'request_invalid',
      message: `training needs labels on at least 2 days for ${source.horizonMinutes} minutes, got ${blocks.length}`,
    })
  }
  const steps = (blocks.length + 1) * ENSEMBLES.length
  let step = 0
  const report = (stage: string) => (progress: { ensemble: Ensemble; round: number; rounds: number }) => {
    const place = step + ENSEMBLES.indexOf(progress.ensemble) + progress.round / progress.rounds
    onProgress?.({ stage: `${stage}, ${progress.ensemble}`, share: place / steps })
  }
  const all = (value: number): Record<Ensemble, number> =>
    Object.fromEntries(ENSEMBLES.map((name) => [name, value])) as Record<Ensemble, number>
  const boosting = { seed, threads, signal, options: training.boosting ?? {} }

  const held: { rows: OutOfSampleRows; best: Record<Ensemble, number> }[] = []
  for (const [place, block] of blocks.entries()) {
    const stride = Math.max(1, Math.ceil(rowsThere / foldRows))
    const { rows, trained } = foldOf(source, span, block, { sums, stride })
    const judged = rowsFrom(rows, trained)
    const { models, bestRounds } = await trainEnsembles({
      rows: binRows({ features: columnsOf(rows, features), seed }),
      change: rows.change,
      validation: Uint32Array.from(judged.change, (_, row) => trained + row),
      rounds: all(rounds),
      ...boosting,
      onProgress: report(`fold ${place + 1} of ${blocks.length}`),
    })
    const outputs = ensembleOutputs(models, columnsOf(judged, features))
    held.push({ rows: outOfSampleRows(source, judged, outputs), best: bestRounds })
    step += ENSEMBLES.length
  }
  const outOfSample = joinOutOfSample(held.map(({ rows }) => rows))
  const calibration = fitCalibration(outOfSample, activityClasses(stationMoves(sums)))

  const chosen = all(1)
  for (const name of ENSEMBLES) {
    const weight = outOfSample.change.length
    const mean = held.reduce((sum, { rows, best }) => sum + best[name] * rows.change.length, 0) / weight
    chosen[name] = Math.max(1, Math.round(mean * MORE_ROUNDS))
  }
  return trainKept({
    ...training,
    sums,
    features,
    calibration,
    facts: { outOfSampleRows: outOfSample.change.length, folds: blocks.length, rounds: chosen },
    onRound: report('kept models'),
  })
}

/** The model that is kept: ensembles of the chosen rounds and profiles of all rows of the span, `maxRows` at most. */
export async function trainKept({
  source,
  span,
  maxRows,
  seed,
  threads,
  boosting,
  signal,
  sums,
  features,
  calibration,
  facts,
  onRound,
}: Pick<HorizonTraining, 'source' | 'span' | 'maxRows' | 'seed' | 'threads' | 'boosting' | 'signal'> &
  Pick<HorizonModel, 'sums' | 'features' | 'calibration'> & {
    facts: Omit<HorizonModel['facts'], 'rows'>
    onRound: (progress: { ensemble: Ensemble; round: number; rounds: number }) => void
  }): Promise<HorizonModel> {
  const labels = sums.count.reduce((sum, count) => sum + count, 0)
  const stride = Math.max(1, Math.ceil(labels / maxRows))
  const { rows, change } = binnedRows({ source, span, sums, features, seed, stride })
  const { models } = await trainEnsembles({
    rows,
    change,
    rounds: facts.rounds,
    seed,
    threads,
    options: boosting ?? {},
    onProgress: onRound,
    signal,
  })
  return {
    horizonMinutes: source.horizonMinutes,
    features,
    profile: buildProfile(sums, source.neighbourhood.nearest),
    sums,
    ensembles: models,
    calibration,
    facts: { ...facts, rows: change.length },
  }
}

/** Rows to train on as bins: here their features, 216 bytes a row, are let go, and training needs two bytes a cell. */
function binnedRows({
  source,
  span,
  sums,
  features,
  seed,
  stride,
}: Pick<HorizonTraining, 'source' | 'span' | 'seed'> &
  Pick<HorizonModel, 'sums' | 'features'> & { stride: number }): {
  rows: BinnedRows
  change: Float32Array
} {
  const rows = trainingRows(source, span, { sums, stride })
  return { rows: binRows({ features: columnsOf(rows, features), seed }), change: rows.change }
}

/** The chosen features of the rows, for the trainer: a view. */
export function columnsOf({ values }: Pick<SampleRows, 'values'>, names: readonly string[]): Features {
  const places = names.map((name) => RICH_FEATURES.indexOf(name))
  return { layout: 'rows', values, width: RICH_FEATURES.length, places }
}

/** What the calibration needs of sample rows besides the ensembles' outputs. */
export function factsOf({ grid, timezone }: RowSource, rows: SampleRows): RowFacts {
  const width = RICH_FEATURES.length
  const column = (name: string): Float32Array => {
    const place = RICH_FEATURES.indexOf(name)
    return Float32Array.from(rows.change, (_, row) => rows.values[row * width + place]!)
  }
  return {
    station: rows.station,
    hour: Uint8Array.from(rows.bin, (bin) => localHour({ utc: binAt(grid, bin), timezone })),
    bikes: column('bikes'),
    docks: column('docks'),
    capacity: column('capacity'),
  }
}

/** Docks at T + h, NaN where unknown. */
export function docksThen({ grid, horizonMinutes }: RowSource, rows: SampleRows): Float32Array {
  return Float32Array.from(rows.bin, (bin, row) => {
    const cell = (bin + horizonMinutes / 5) * grid.stations + rows.station[row]!
    const docks = grid.docks[cell]!
    return grid.age[cell] === NO_AGE || docks === NO_COUNT ? Number.NaN : docks
  })
}

/** A short span would teach the single days it has: the day of the week is left out of it, and so is absent weather. */
function featureNames(source: RowSource, span: { from: number; until: number }): string[] {
  const days = daysOf(source, span).length
  const left = new Set<string>(LEFT_OUT)
  if (days < WEEKDAY_DAYS) left.add('day_of_week')
  if (source.grid.weather === null) for (const name of ['temp_C', 'precip_mm', 'wind_mps']) left.add(name)
  return RICH_FEATURES.filter((name) => !left.has(name))
}
/** Means over the whole network memorise single days: they made out-of-sample errors larger on both recorded cities. */
const LEFT_OUT = ['network_change_15', 'network_change_60'] as const

/** Blocks of whole local days with about equally many labelled bins; at most `folds`. */
function dayBlocks(
  source: RowSource,
  span: { from: number; until: number },
  folds: number,
): { from: number; until: number }[] {
  const { grid, frozen } = source
  const weights = daysOf(source, span).map((day) => {
    let bins = 0
    for (let row = day.from; row < day.until; row += 1) {
      if (frozen[row] === 1) continue
      const first = row * grid.stations
      if (grid.age.subarray(first, first + grid.stations).some((age) => age !== NO_AGE)) bins += 1
    }
    return { ...day, bins }
  })
  const total = weights.reduce((sum, { bins }) => sum + bins, 0)
  const blocks: { from: number; until: number }[] = []
  let taken = 0
  for (const day of weights) {
    const place = Math.min(folds - 1, Math.floor(((taken + day.bins / 2) / Math.max(1, total)) * folds))
    taken += day.bins
    while (blocks.length <= place) blocks.push({ from: day.from, until: day.from })
    blocks[place]!.until = day.until
  }
  return blocks.filter(({ from, until }) =>
    weights.some((day) => day.from >= from && day.until <= until && day.bins > 0),
  )
}

/**
 * Rows of one fold: first those `trained` on, outside of the block, with profiles that know nothing of it; then those
 * that are judged, inside of it.
 */
function foldOf(
  source: RowSource,
  span: { from: number; until: number },
  block: { from: number; until: number },
  { sums, stride }: { sums: ProfileSums; stride: number },
): { rows: SampleRows; trained: number } {
  const horizonBins = source.horizonMinutes / 5
  const others = {
    stations: sums.stations,
    count: sums.count.slice(),
    change: sums.change.slice(),
    moves: sums.moves.slice(),
    level: sums.level.slice(),
  }
  const reached = {
    from: Math.max(span.from, block.from - horizonBins),
    until: Math.min(span.until, block.until + horizonBins),
  }
  combineProfiles(others, profileSums(source, reached), -1)
  const train = [
    trainingRows(source, { from: span.from, until: block.from }, { sums: others, stride }),
    trainingRows(source, { from: block.until, until: span.until }, { sums: others, stride }),
  ]
  const judged = judgedRows(
    source,
    { from: block.from, until: Math.min(block.until, span.until - horizonBins) },
    { profile: buildProfile(others, source.neighbourhood.nearest), stride, skipFrozen: true },
  )
  return { rows: joinRows([...train, judged]), trained: train.reduce((sum, { rows }) => sum + rows, 0) }
}

/** Copies what the calibration needs of judged rows, so that the rows themselves can go. */
function outOfSampleRows(source: RowSource, rows: SampleRows, outputs: EnsembleOutputs): OutOfSampleRows {
  const facts = factsOf(source, rows)
  return {
    ...facts,
    station: facts.station.slice(),
    outputs,
    change: rows.change.slice(),
    docksThen: docksThen(source, rows),
  }
}

function joinOutOfSample(parts: readonly OutOfSampleRows[]): OutOfSampleRows {
  const size = parts.reduce((sum, { change }) => sum + change.length, 0)
  const joined = <Numbers extends Float32Array | Int32Array | Uint8Array>(
    all: Numbers,
    of: (part: OutOfSampleRows) => ArrayLike<number>,
  ): Numbers => {
    let at = 0
    for (const part of parts) {
      all.set(of(part), at)
      at += part.change.length
    }
    return all
  }
  const floats = (of: (part: OutOfSampleRows) => Float32Array) => joined(new Float32Array(size), of)
  return {
    station: joined(new Int32Array(size), ({ station }) => station),
    hour: joined(new Uint8Array(size), ({ hour }) => hour),
    bikes: floats(({ bikes }) => bikes),
    docks: floats(({ docks }) => docks),
    capacity: floats(({ capacity }) => capacity),
    change: floats(({ change }) => change),
    docksThen: floats(({ docksThen }) => docksThen),
    outputs: Object.fromEntries(
      ENSEMBLES.map((name) => [name, floats(({ outputs }) => outputs[name])]),
    ) as unknown as EnsembleOutputs,
  }
}

/** Mean |change| of each station; 0 without a row. */
function stationMoves({ stations, count, moves }: ProfileSums): Float64Array {
  const slots = count.length / stations
  const means = new Float64Array(stations)
  for (let station = 0; station < stations; station += 1) {
    let rows = 0
    let sum = 0
    for (let slot = 0; slot < slots; slot += 1) {
      rows += count[station * slots + slot]!
      sum += moves[station * slots + slot]!
    }
    means[station] = rows > 0 ? sum / rows : 0
  }
  return means
}
