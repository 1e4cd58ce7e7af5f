import {
  ASINH_SCALE,
  ENSEMBLES,
  type Ensemble,
  type EnsembleOutputs,
} from '../domain/forecasting/calibration.ts'
import type { BinnedRows } from './gradient-boosting/binned-rows.ts'
import type { Features } from './gradient-boosting/features.ts'
import { type BoostedTrees, predict } from './gradient-boosting/model.ts'
import type { BoostingOptions } from './gradient-boosting/options.ts'
import { trainGradientBoosting } from './gradient-boosting/train.ts'

export type Ensembles = Record<Ensemble, BoostedTrees>

/** Shared by all ensembles; the loss and the rounds are each one's own. */
const BOOSTING = {
  learningRate: 0.07,
  growth: 'leaf-wise',
  maxDepth: 8,
  maxLeaves: 40,
  minChildWeight: 150,
  l2: 10,
  rowShare: 0.7,
  columnShare: 0.5,
} as const satisfies Partial<BoostingOptions>

const PATIENCE = 25

interface EnsembleProgress {
  ensemble: Ensemble
  round: number
  rounds: number
}

export interface EnsembleTraining {
  rows: BinnedRows
  change: Float32Array
  /** Rows that decide when to stop, never trained on; empty where the rounds are given. */
  validation?: Uint32Array
  rounds: Record<Ensemble, number>
  seed: number
  threads: number
  options?: Partial<BoostingOptions>
  onProgress?: ((progress: EnsembleProgress) => void) | undefined
  signal?: AbortSignal | undefined
}

/** Trains the four ensembles, one after the other, on the same binned rows. */
export async function trainEnsembles({
  rows,
  change,
  validation,
  rounds,
  seed,
  threads,
  options = {},
  onProgress,
  signal,
}: EnsembleTraining): Promise<{ models: Ensembles; bestRounds: Record<Ensemble, number> }> {
  const models: Partial<Ensembles> = {}
  const bestRounds: Partial<Record<Ensemble, number>> = {}
  for (const ensemble of ENSEMBLES) {
    const { model, bestRound } = await trainGradientBoosting({
      features: rows,
      target: targetOf(ensemble, change),
      ...(validation === undefined ? {} : { validation }),
      options: {
        ...BOOSTING,
        loss: { kind: ensemble === 'absolute' ? 'absolute' : 'squared' },
        rounds: rounds[ensemble],
        ...(validation === undefined ? {} : { patience: PATIENCE }),
        seed,
        threads,
        ...options,
      },
      onProgress: ({ round }) => onProgress?.({ ensemble, round, rounds: rounds[ensemble] }),
      ...(signal === undefined ? {} : { signal }),
    })
    models[ensemble] = model
    bestRounds[ensemble] = bestRound
  }
  return { models: models as Ensembles, bestRounds: bestRounds as Record<Ensemble, number> }
}

/** Outputs in bikes: the robust ensemble's is turned back from its scale. */
export function ensembleOutputs(models: Ensembles, features: Features): EnsembleOutputs {
  const outputs = {} as EnsembleOutputs
  for (const ensemble of ENSEMBLES) {
    const raw = predict({ model: models[ensemble], features })
    outputs[ensemble] = ensemble === 'robust' ? raw.map((value) => ASINH_SCALE * Math.sinh(value)) : raw
  }
  return outputs
}

function targetOf(ensemble: Ensemble, change: Float32Array): Float32Array {
  if (ensemble === 'robust') return change.map((value) => Math.asinh(value / ASINH_SCALE))
  if (ensemble === 'scale') return change.map((value) => Math.abs(value))
  return change
}
