import type { Config } from '../platform/config.ts'
import type { PackTrainingTask } from './pack-training.ts'

type Sizes = Pick<Config['train'], 'max_rows' | 'rounds'>

/** A run that must end while somebody watches: fewer rows and rounds, a larger step. The gate is the same. */
const FIRST_MINUTES: Sizes & { boosting: NonNullable<PackTrainingTask['boosting']> } = {
  max_rows: 80_000,
  rounds: 50,
  boosting: { learningRate: 0.13 },
}

/** The sizes of a run: those of the configuration, and smaller ones in a simulated city's first minutes. */
export function trainingSizes(
  { max_rows, rounds }: Sizes,
  trigger: string,
): Sizes & Pick<PackTrainingTask, 'boosting'> {
  if (trigger !== 'first_minutes') return { max_rows, rounds }
  return {
    max_rows: Math.min(max_rows, FIRST_MINUTES.max_rows),
    rounds: Math.min(rounds, FIRST_MINUTES.rounds),
    boosting: FIRST_MINUTES.boosting,
  }
}
