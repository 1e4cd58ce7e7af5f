import { ENSEMBLES } from '../domain/forecasting/calibration.ts'
import { type HorizonModel, type HorizonTraining, trainKept } from './horizon-model.ts'
import { profileSums } from './training-rows.ts'

/**
 * Trains a model that passed the gate again on all rows of the span, the hold-out included: the same features and
 * rounds, profiles and ensembles anew. The calibration stays: it was learned on rows that no model had seen, which
 * the hold-out no longer is.
 */
export function refitHorizon({
  passed,
  ...training
}: Pick<
  HorizonTraining,
  'source' | 'span' | 'maxRows' | 'seed' | 'threads' | 'boosting' | 'onProgress' | 'signal'
> & { passed: HorizonModel }): Promise<HorizonModel> {
  return trainKept({
    ...training,
    features: passed.features,
    calibration: passed.calibration,
    facts: passed.facts,
    sums: profileSums(training.source, training.span),
    onRound: ({ ensemble, round, rounds }) =>
      training.onProgress?.({
        stage: `refit, ${ensemble}`,
        share: (ENSEMBLES.indexOf(ensemble) + round / rounds) / ENSEMBLES.length,
      }),
  })
}
