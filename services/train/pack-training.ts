import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { featuresHash } from '../domain/features.ts'
import { RICH_FEATURE_SET } from '../domain/forecasting/rich-features.ts'
import type { ModelListVersion } from '../domain/model-pack.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import type { HorizonScores } from './backtest-scores.ts'
import type { BaseFacts } from './base.ts'
import { modelCard } from './card.ts'
import { openChampions } from './champion.ts'
import { buildPack, type TrainedPack } from './pack.ts'
import {
  type AbortReason,
  type Judgement,
  type TrainingContext,
  type TrainingTask,
  train,
} from './training.ts'

export interface PackTrainingTask extends TrainingTask {
  /** The version that serves; null where none does. */
  serving: ModelListVersion | null
  /** Git revision, null when unknown. */
  revision: string | null
}

export interface PackTrainingContext extends Omit<TrainingContext, 'champions'> {
  /** Where the serving version's packs are. */
  objects: Pick<ObjectStore, 'get'>
  /** The version that packs with these features must carry: horizon in minutes → features hash. */
  versionOf: (features: ReadonlyMap<number, string>) => Promise<string>
}

interface OutcomeFacts {
  base: BaseFacts | null
  judgements: Judgement[]
  /** SHA-256 of each file of the task, in its order. */
  digests: string[]
  /** Serving packs that could not be read. */
  unreadable: { horizon: number; message: string }[]
}

export type PackTrainingOutcome = OutcomeFacts &
  (
    | { kind: 'aborted'; reason: AbortReason; message: string }
    | { kind: 'trained'; version: string; packs: TrainedPack[] }
  )

/** Trains, judges and packs every horizon of a system. All of it is in memory: run it in a process of its own. */
export async function trainPacks(
  task: PackTrainingTask,
  context: PackTrainingContext,
): Promise<PackTrainingOutcome> {
  const { objects, versionOf, ...rest } = context
  const { system, horizons, serving, settings, revision } = task
  const digests: string[] = []
  for (const { file } of task.files) digests.push(await digestOf(file))
  const champions = await openChampions({ objects, system, version: serving, horizons })
  try {
    const { unreadable } = champions
    const outcome = await train(task, { ...rest, champions: champions.byHorizon })
    if (outcome.kind === 'aborted') return { ...outcome, digests, unreadable }
    const { base, shared, serviceFlags, cutOff } = outcome
    const version = await versionOf(
      new Map(
        outcome.horizons.map(({ model }) => [
          model.horizonMinutes,
          featuresHash(model.features, RICH_FEATURE_SET),
        ]),
      ),
    )
    const packs = outcome.horizons.map(({ model, judgement, seen }) =>
      buildPack({
        system,
        version,
        source: { ...shared, horizonMinutes: model.horizonMinutes },
        model,
        serviceFlags,
        carryMinutes: settings.carry_minutes,
        trained: { from: shared.grid.start, until: cutOff, cutOff },
        metrics: {
          gate: figures(judgement.scores),
          gate_from: judgement.holdout.from_utc,
          gate_until: judgement.holdout.until_utc,
          champion:
            judgement.champion === null
              ? null
              : { version: judgement.champion.version, ...figures(judgement.champion.scores) },
          // The refit saw these rows: what it learned, not how good it is.
          refit_seen: figures(seen),
        },
        createdFrom: revision,
        extra: modelCard({
          system,
          version,
          timezone: shared.timezone,
          base,
          model,
          judgement,
          seen,
          revision,
        }),
      }),
    )
    const judgements = outcome.horizons.map(({ judgement }) => judgement)
    return { kind: 'trained', version, packs, base, judgements, digests, unreadable }
  } finally {
    await champions.close()
  }
}

/** The figures of a hold-out that a manifest and a run record keep; null where there was nothing to judge by. */
export function figures(scores: HorizonScores): Record<string, number | null> {
  const { p_bike, p_dock } = scores
  const all = {
    rows: scores.n,
    mae_model: scores.mae_model,
    mae_persistence: scores.mae_persistence,
    lift: scores.lift,
    rmse_model: scores.rmse_model,
    rmse_persistence: scores.rmse_persistence,
    rmse_cut: scores.rmse_cut,
    hours_worse: scores.hours_worse,
    stations_worse: scores.stations_worse,
    coverage_80: scores.coverage_80,
    pit_coverage_80: scores.pit_coverage_80,
    width_80: scores.width_80,
    interval_score_80: scores.interval_score_80,
    ece_bike: scores.ece_bike,
    ece_dock: scores.ece_dock,
    brier_bike: p_bike.model.brier,
    brier_dock: p_dock.model.brier,
  }
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
  )
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}
