import { createRandom } from './random.ts'

const DRAWS = 1000

/** Interval of a ratio of sums over whole days, 5 % to 95 % unless another tail is asked for: days are drawn with replacement, their rows stay together. */
export interface RatioInterval {
  low: number
  high: number
}

/**
 * `1 − Σ model / Σ persistence` over drawn days. Rows of one day depend on each other, so days are the units (Künsch
 * 1989). Null with fewer than two days: one day says nothing of another.
 */
export function liftInterval(
  days: readonly { model: number; persistence: number }[],
  /** Share of the draws beyond each end. */
  tail = 0.05,
): RatioInterval | null {
  if (days.length < 2) return null
  const random = createRandom(1)
  const lifts = Array.from({ length: DRAWS }, () => {
    let model = 0
    let persistence = 0
    for (let draw = 0; draw < days.length; draw += 1) {
      const day = days[Math.floor(random() * days.length)]!
      model += day.model
      persistence += day.persistence
    }
    return persistence > 0 ? 1 - model / persistence : 0
  }).sort((a, b) => a - b)
  return { low: lifts[Math.floor(tail * DRAWS)]!, high: lifts[Math.floor((1 - tail) * DRAWS)]! }
}

/**
 * Share of the draws of blocks, with replacement, in which the model's errors sum to more than persistence's. 0 where
 * neither errs, and with fewer than two blocks.
 */
export function shareWorse(blocks: readonly { model: number; persistence: number }[]): number {
  if (blocks.length < 2) return 0
  const losses = Float64Array.from(blocks, ({ model, persistence }) => model - persistence)
  const random = createRandom(1)
  let worse = 0
  for (let drawn = 0; drawn < DRAWS; drawn += 1) {
    let loss = 0
    for (let draw = 0; draw < losses.length; draw += 1) loss += losses[Math.floor(random() * losses.length)]!
    if (loss > 0) worse += 1
  }
  return worse / DRAWS
}
