import { ENSEMBLES, type Ensemble } from '../domain/forecasting/calibration.ts'
import { buildProfile } from '../domain/forecasting/profile.ts'
import { trainEnsembles } from './ensembles.ts'
import { columnsOf, type HorizonModel, type HorizonTraining } from './horizon-model.ts'
import { profileSums, trainingRows } from './training-rows.ts'

/**
 * Trains a model that passed the gate again on all rows of the span, the hold-out included: the same features and
 * rounds, profiles and ensembles anew. The calibration stays: it was learned on rows that no model had seen, which
 * the hold-out no longer is.
 */
export async function refitHorizon({
  source,
  span,
  passed,
  maxRows,
  seed,
  threads,
  boosting,
  onProgress,
  signal,
}: Pick<
  HorizonTraining,
  'source' | 'span' | 'maxRows' | 'seed' | 'threads' | 'boosting' | 'onProgress' | 'signal'
> & { passed: HorizonModel }): Promise<HorizonModel> {
  const { features, calibration, facts } = passed
  const sums = profileSums(source, span)
  const labels = sums.count.reduce((sum, count) => sum + count, 0)
  const rows = trainingRows(source, span, { sums, stride: Math.max(1, Math.ceil(labels / maxRows)) })
  const report = ({ ensemble, round, rounds }: { ensemble: Ensemble; round: number; rounds: number }): void =>
    onProgress?.({
      stage: `refit, ${ensemble}`,
      share: (ENSEMBLES.indexOf(ensemble) + round / rounds) / ENSEMBLES.length,
    })
  const { models } = await trainEnsembles({
    features: columnsOf(rows, features),
    change: rows.change,
    rounds: facts.rounds,
    seed,
    threads,
    options: boosting ?? {},
    onProgress: report,
    signal,
  })
  return {
    horizonMinutes: source.horizonMinutes,
    features,
    profile: buildProfile(sums, source.neighbourhood.nearest),
    sums,
    ensembles: models,
    calibration,
    facts: { ...facts, rows: rows.rows },
  }
}
