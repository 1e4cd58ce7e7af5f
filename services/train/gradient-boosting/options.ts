import { VelocastError } from '../../platform/errors.ts'

/**
 * What is minimised: the squared error (mean), the absolute error (median) or the pinball loss (the quantile
 * `level`). The last two refit each leaf to the weighted quantile of its residuals.
 */
export type Loss = { kind: 'squared' } | { kind: 'absolute' } | { kind: 'quantile'; level: number }

/** depth-wise: level by level; leaf-wise: always the leaf with the greatest gain. Both obey both limits. */
type Growth = 'depth-wise' | 'leaf-wise'

export interface BoostingOptions {
  loss: Loss
  /** Trees at most. */
  rounds: number
  learningRate: number
  growth: Growth
  /** Splits from the root to a leaf, 1 to 64. */
  maxDepth: number
  maxLeaves: number
  /** Least sum of weights in a leaf: least rows where no weights are given. */
  minChildWeight: number
  /** Least gain of a split, in units of the loss times two. */
  minSplitGain: number
  /** Penalties on the leaf values (in units of weight), not applied where leaves are refitted to a quantile. */
  l1: number
  l2: number
  /** Share of the rows and of the features that each tree sees, above 0 and up to 1. */
  rowShare: number
  columnShare: number
  /** A feature each: 1 never falls with it, −1 never rises, 0 free. Empty: all free. */
  monotone: readonly number[]
  /** Rounds without a better validation loss before training ends; needs validation rows. Infinity: never. */
  patience: number
  seed: number
  /** Worker threads. The model does not depend on it. */
  threads: number
}

const DEFAULT_OPTIONS: BoostingOptions = {
  loss: { kind: 'squared' },
  rounds: 300,
  learningRate: 0.1,
  growth: 'depth-wise',
  maxDepth: 7,
  maxLeaves: 128,
  minChildWeight: 20,
  minSplitGain: 0,
  l1: 0,
  l2: 1,
  rowShare: 1,
  columnShare: 1,
  monotone: [],
  patience: Number.POSITIVE_INFINITY,
  seed: 0,
  threads: 1,
}

/** The defaults where nothing is given. Throws `request_invalid` naming the first option that is out of range. */
export function resolveOptions(given: Partial<BoostingOptions>, features: number): BoostingOptions {
  const options = { ...DEFAULT_OPTIONS, ...given }
  const whole = (low: number, high: number) => (value: number) =>
    Number.isInteger(value) && value >= low && value <= high
  const atLeast = (low: number) => (value: number) => value >= low && value < Number.POSITIVE_INFINITY
  const share = (value: number): boolean => value > 0 && value <= 1
  const rules: [keyof BoostingOptions & string, (value: number) => boolean, string][] = [
    ['rounds', whole(1, 100_000), 'a whole number from 1 to 100,000'],
    ['learningRate', share, 'above 0 and up to 1'],
    ['maxDepth', whole(1, 64), 'a whole number from 1 to 64'],
    ['maxLeaves', whole(2, 4096), 'a whole number from 2 to 4,096'],
    ['minChildWeight', atLeast(0), 'at least 0'],
    ['minSplitGain', atLeast(0), 'at least 0'],
    ['l1', atLeast(0), 'at least 0'],
    ['l2', atLeast(0), 'at least 0'],
    ['rowShare', share, 'above 0 and up to 1'],
    ['columnShare', share, 'above 0 and up to 1'],
    ['patience', (value) => value >= 1, 'at least 1'],
    ['seed', whole(0, 2 ** 32 - 1), 'a whole number of 32 bits'],
    ['threads', whole(1, 64), 'a whole number from 1 to 64'],
  ]
  for (const [name, holds, range] of rules) {
    const value = options[name] as number
    if (!holds(value)) throw invalid(`option ${name} must be ${range}, got ${value}`)
  }
  const { loss, monotone } = options
  if (loss.kind === 'quantile' && !(loss.level > 0 && loss.level < 1)) {
    throw invalid(`option loss.level must be between 0 and 1, got ${loss.level}`)
  }
  if (monotone.length !== 0 && monotone.length !== features) {
    throw invalid(
      `option monotone must have a value for each of ${features} features, got ${monotone.length}`,
    )
  }
  const odd = monotone.find((direction) => ![-1, 0, 1].includes(direction))
  if (odd !== undefined) throw invalid(`option monotone must be of -1, 0 and 1, got ${odd}`)
  return options
}

function invalid(message: string): VelocastError {
  return new VelocastError({ code: 'request_invalid', message })
}
