/** What monitoring says of the data since the serving model was trained. */
interface DriftSign {
  /** End of the window that was compared, epoch ms. */
  windowEnd: number
  /** PSI of occupancy; null without a reference. */
  psi: number | null
  /** Share of the window's hours of the week that the reference has too. */
  matched: number
}

/** How the forecasts that were served fared. */
interface SkillSign {
  /** Minutes. */
  horizon: number
  /** Forecasts scored. */
  n: number
  lift: number | null
}

export interface TriggerInput {
  drift: DriftSign | null
  skill: readonly SkillSign[]
  /** The serving model: its data's end (epoch ms), and its lift at the gate by horizon. Null: nothing to wear out. */
  serving: { cutOff: number; lifts: ReadonlyMap<number, number> } | null
  /** When the last run was asked for, of any trigger, epoch ms; null without one. */
  lastRun: number | null
  /** By the clock, epoch ms. */
  now: number
  limits: { cooldownMs: number; psi: number; decayShare: number }
}

interface TriggerDecision {
  trigger: 'drift' | 'decay'
  /** For the log. */
  detail: string
}

/** With less of the reference, weekdays would be compared with weekends. */
const LEAST_MATCHED = 0.9
/** Fewer forecasts, some hours of a city, swing by themselves. */
const LEAST_SCORED = 10_000

/**
 * Whether the data or the served skill ask for a new model. Never during the cool-down after a run, whatever its end: what
 * could not be mended by training does not train over and over. Drift counts only with data from after the training;
 * decay first, for it is what people feel.
 */
export function retrainingTrigger(input: TriggerInput): TriggerDecision | null {
  const { drift, skill, serving, lastRun, now, limits } = input
  if (serving === null) return null
  if (lastRun !== null && now - lastRun < limits.cooldownMs) return null
  for (const { horizon, n, lift } of skill) {
    const promised = serving.lifts.get(horizon)
    if (n < LEAST_SCORED || lift === null || promised === undefined) continue
    const least = Math.max(0, promised * limits.decayShare)
    if (lift >= least) continue
    return {
      trigger: 'decay',
      detail: `lift at ${horizon} minutes is ${percent(lift)} over ${n} served forecasts, below ${percent(least)}; the gate saw ${percent(promised)}`,
    }
  }
  if (drift === null || drift.psi === null || drift.matched < LEAST_MATCHED) return null
  if (drift.windowEnd <= serving.cutOff || drift.psi < limits.psi) return null
  return {
    trigger: 'drift',
    detail: `PSI of occupancy is ${drift.psi.toFixed(3)}, from ${limits.psi} on the model is trained anew`,
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
