import { BIN_MS, DAY_MS } from '../domain/bin.ts'
import { changeLabel, frozenRows, NO_LABEL } from '../domain/forecasting/labels.ts'
import { neighbourhood } from '../domain/forecasting/neighbours.ts'
import { carryForward } from '../domain/forecasting/station-grid.ts'
import { hasCode } from '../platform/errors.ts'
import type { HorizonScores } from './backtest-scores.ts'
import { type BaseFacts, type BaseOptions, readTrainingBase, type TrainingBase } from './base.ts'
import type { Champion } from './champion.ts'
import { type GateVerdict, judgeChallenger } from './gate.ts'
import { type HoldoutResult, scoreHoldout } from './holdout.ts'
import { type HorizonModel, type HorizonTraining, trainHorizon } from './horizon-model.ts'
import { refitHorizon } from './refit.ts'
import type { RowSource } from './training-rows.ts'

/** Why a run ended without a new model; the serving one is untouched. */
export const ABORT_REASONS = [
  'no_input',
  'empty_target',
  'missing_weather',
  'too_few_days',
  'no_new_data',
  'gate_refused',
] as const
export type AbortReason = (typeof ABORT_REASONS)[number]

class TrainingAborted extends Error {
  readonly reason: AbortReason

  constructor(reason: AbortReason, message: string) {
    super(message)
    this.name = 'TrainingAborted'
    this.reason = reason
  }
}

interface TrainingSettings {
  days: number
  min_days: number
  holdout_days: number
  max_rows: number
  fold_rows: number
  folds: number
  rounds: number
  threads: number
  seed: number
  carry_minutes: number
}

export interface TrainingTask extends Pick<BaseOptions, 'files' | 'directory'> {
  system: string
  timezone: string
  /** Minutes. */
  horizons: readonly number[]
  settings: TrainingSettings
  boosting?: HorizonTraining['boosting']
}

export interface TrainingProgress {
  stage: string
  /** 0..1 of the whole run. */
  share: number
}

export interface TrainingContext {
  /** The model of each horizon that serves; null where none does. */
  champions: ReadonlyMap<number, Champion>
  onProgress?: (progress: TrainingProgress) => void
  signal?: AbortSignal
}

/** What the gate saw of one horizon. */
export interface Judgement {
  horizon: number
  verdict: GateVerdict
  /** On the hold-out, by the model that had not seen it. */
  scores: HorizonScores
  champion: HoldoutResult['champion']
  holdout: { from_utc: string; until_utc: string }
}

interface TrainedHorizon {
  judgement: Judgement
  /** Trained on all rows. */
  model: HorizonModel
  /** Of `model` on the hold-out, which it has seen: what it learned, not how good it is. */
  seen: HorizonScores
}

export type TrainingOutcome =
  | {
      kind: 'aborted'
      reason: AbortReason
      message: string
      base: BaseFacts | null
      judgements: Judgement[]
    }
  | {
      kind: 'trained'
      base: BaseFacts
      horizons: TrainedHorizon[]
      /** Read by every horizon's model. */
      shared: Pick<RowSource, 'grid' | 'places' | 'neighbourhood' | 'timezone'>
      serviceFlags: boolean
      /** Grid's end, epoch ms: nothing from this time on was known. */
      cutOff: number
    }

/** With less there is no day whose rows the champion had not been trained on. */
const LEAST_NEW_MS = DAY_MS
/** The refit saw the hold-out: it may not do worse there than the model that did not. */
const REFIT_LOSS = 0.01
const FEATURES_OF_WEATHER = ['temp_C', 'precip_mm', 'wind_mps']

/**
 * Trains every horizon up to the hold-out, judges it there beside the champion, and trains those that passed again on all
 * rows. One horizon that is refused refuses all: they serve together. Memory: the grid (`readTrainingBase`), the rows
 * (`trainHorizon`) and 100 MB. Throws store and DuckDB errors; a guard that holds is an `aborted` outcome.
 */
export async function train(task: TrainingTask, context: TrainingContext): Promise<TrainingOutcome> {
  const judgements: Judgement[] = []
  let base: TrainingBase | null = null
  try {
    base = await readBase(task, context)
    return await trained({ task, context, base, judgements })
  } catch (error) {
    if (!(error instanceof TrainingAborted)) throw error
    const { reason, message } = error
    return { kind: 'aborted', reason, message, base: base?.facts ?? null, judgements }
  }
}

async function readBase(task: TrainingTask, { onProgress }: TrainingContext): Promise<TrainingBase> {
  onProgress?.({ stage: 'reading', share: 0 })
  const { files, timezone, directory, settings } = task
  if (files.length === 0) {
    throw new TrainingAborted('no_input', `history must have a daily or monthly file of ${task.system}`)
  }
  try {
    const base = await readTrainingBase({ files, timezone, directory, days: settings.days })
    const { rows_read, rows_dropped } = base.facts
    const { bikes_missing = 0, count_out_of_range = 0 } = rows_dropped
    if (bikes_missing + count_out_of_range === rows_read) {
      throw new TrainingAborted(
        'empty_target',
        `history must have a row with bikes, got none in ${rows_read}`,
      )
    }
    if (settings.carry_minutes > 0) carryForward(base.recording.grid, settings.carry_minutes)
    return base
  } catch (error) {
    if (!hasCode(error, 'replay_empty')) throw error
    throw new TrainingAborted('empty_target', `history must have a row, got none in ${files.length} files`)
  }
}

async function trained({
  task,
  context,
  base,
  judgements,
}: {
  task: TrainingTask
  context: TrainingContext
  base: TrainingBase
  judgements: Judgement[]
}): Promise<TrainingOutcome> {
  const { settings, timezone, horizons } = task
  const { grid, stations: places, serviceFlags } = base.recording
  const cutOff = grid.start + grid.bins * BIN_MS
  guardBase({ task, context, base, cutOff })
  const split = splitOf(task, base)
  const shared = { grid, places, neighbourhood: neighbourhood(places), timezone }
  const frozen = frozenRows({ grid, timezone, until: split })
  const training = {
    maxRows: settings.max_rows,
    foldRows: settings.fold_rows,
    folds: settings.folds,
    rounds: settings.rounds,
    seed: settings.seed,
    threads: settings.threads,
    ...(task.boosting === undefined ? {} : { boosting: task.boosting }),
    signal: context.signal,
  }
  const report = (place: number, horizon: number) => (stage: string, share: number) =>
    context.onProgress?.({
      stage: `${horizon} min: ${stage}`,
      share: (0.02 * (horizons.length - place) + place + share * 0.98) / horizons.length,
    })

  const passed: { source: RowSource; model: HorizonModel; judgement: Judgement }[] = []
  for (const [place, horizonMinutes] of horizons.entries()) {
    const progress = report(place, horizonMinutes)
    const source: RowSource = { ...shared, horizonMinutes, frozen }
    guardLabels(source, split)
    const model = await trainHorizon({
      ...training,
      source,
      span: { from: 0, until: split },
      onProgress: ({ stage, share }) => progress(stage, share * 0.7),
    })
    progress('judging', 0.7)
    const span = { from: split, until: grid.bins }
    const champion = context.champions.get(horizonMinutes) ?? null
    const { gate, scores, champion: against } = await scoreHoldout({ source, model, span, champion })
    const judgement: Judgement = {
      horizon: horizonMinutes,
      verdict: judgeChallenger(gate),
      scores,
      champion: against,
      holdout: {
        from_utc: new Date(grid.start + split * BIN_MS).toISOString(),
        until_utc: new Date(cutOff).toISOString(),
      },
    }
    judgements.push(judgement)
    refuseUnlessPassed(judgement)
    passed.push({ source, model, judgement })
  }

  const done: TrainedHorizon[] = []
  const allFrozen = frozenRows({ grid, timezone })
  for (const [place, { source, model, judgement }] of passed.entries()) {
    const progress = report(place, judgement.horizon)
    const whole: RowSource = { ...source, frozen: allFrozen }
    const refit = await refitHorizon({
      ...training,
      source: whole,
      span: { from: 0, until: grid.bins },
      passed: model,
      onProgress: ({ stage, share }) => progress(stage, 0.75 + share * 0.2),
    })
    const { scores: seen } = await scoreHoldout({
      source,
      model: refit,
      span: { from: split, until: grid.bins },
      champion: null,
    })
    const most = judgement.scores.mae_model * (1 + REFIT_LOSS)
    judgement.verdict.checks.push({
      name: 'refit',
      passed: seen.mae_model <= most,
      detail: `MAE ${seen.mae_model.toFixed(4)} on the hold-out it has seen, at most ${most.toFixed(4)}`,
    })
    judgement.verdict.passed &&= seen.mae_model <= most
    refuseUnlessPassed(judgement)
    done.push({ judgement, model: refit, seen })
  }
  context.onProgress?.({ stage: 'trained', share: 1 })
  return {
    kind: 'trained',
    base: base.facts,
    horizons: done,
    shared,
    serviceFlags,
    cutOff,
  }
}

function guardBase({
  task,
  context,
  base,
  cutOff,
}: {
  task: TrainingTask
  context: TrainingContext
  base: TrainingBase
  cutOff: number
}): void {
  const { days, weather_share } = base.facts
  if (days < task.settings.min_days) {
    throw new TrainingAborted(
      'too_few_days',
      `history must have ${task.settings.min_days} days with half of their bins (train.min_days), got ${days}`,
    )
  }
  for (const champion of context.champions.values()) {
    const weathered = champion.features.some((name) => FEATURES_OF_WEATHER.includes(name))
    if (weathered && base.recording.grid.weather === null) {
      throw new TrainingAborted(
        'missing_weather',
        `weather must be known in half of the bins, for ${champion.version} uses it, got ${(weather_share * 100).toFixed(1)} %`,
      )
    }
    if (cutOff - champion.cutOff < LEAST_NEW_MS) {
      throw new TrainingAborted(
        'no_new_data',
        `history must reach a day beyond what ${champion.version} was trained on, to ${new Date(champion.cutOff + LEAST_NEW_MS).toISOString()}, got ${new Date(cutOff).toISOString()}`,
      )
    }
  }
}

/** First row of the hold-out: the last full local days, a fifth of them, at least 2 and at most those of the settings. */
function splitOf({ settings }: TrainingTask, { days }: TrainingBase): number {
  const held = Math.max(2, Math.min(settings.holdout_days, Math.floor(days.length / 5)))
  return days[Math.max(0, days.length - held)]?.from ?? 0
}

function guardLabels(source: RowSource, split: number): void {
  for (const [name, from, until] of [
    ['training', 0, split],
    ['hold-out', split, source.grid.bins],
  ] as const) {
    if (hasLabel(source, from, until)) continue
    throw new TrainingAborted(
      'empty_target',
      `${name} must have a station in service at both ends of ${source.horizonMinutes} minutes, got none`,
    )
  }
}

function hasLabel({ grid, horizonMinutes, frozen }: RowSource, from: number, until: number): boolean {
  const horizonBins = horizonMinutes / 5
  for (let row = from; row + horizonBins < until; row += 1) {
    if (frozen[row] === 1 || frozen[row + horizonBins] === 1) continue
    for (let station = 0; station < grid.stations; station += 1) {
      if (changeLabel({ grid, row, station, horizonBins }) !== NO_LABEL) return true
    }
  }
  return false
}

function refuseUnlessPassed({ horizon, verdict }: Judgement): void {
  if (verdict.passed) return
  const failed = verdict.checks.filter(({ passed }) => !passed)
  throw new TrainingAborted(
    'gate_refused',
    `challenger of ${horizon} minutes is refused: ${failed.map(({ name, detail }) => `${name} (${detail})`).join('; ')}`,
  )
}
