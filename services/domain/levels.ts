/** How full a station is, for whoever wants a bike or a dock. The one definition for exports, monitoring and pages. */
export const LEVELS = ['empty', 'low', 'normal', 'nearly_full', 'full', 'closed', 'unknown'] as const
export type Level = (typeof LEVELS)[number]

export interface LevelThresholds {
  /** A station with at most so many bikes is short of them. */
  penury: number
  /** A station with at most so many free docks is short of them. */
  saturation: number
}

export const DEFAULT_LEVEL_THRESHOLDS: LevelThresholds = Object.freeze({ penury: 2, saturation: 2 })

/** What a level is told from: an observation's own fields. */
export interface LevelInput {
  bikes: number | null
  docks: number | null
  capacity: number | null
  is_installed: boolean
  is_renting: boolean
  is_returning: boolean
}

/** One step of the decision: the level of a station whose `count` is known and at most `atMost`. */
export interface LevelRule {
  level: Level
  count: 'bikes' | 'free'
  atMost: number
}

/** The steps in their order: the first that holds decides. A station without bikes is empty, also when it has no dock. */
export function levelRules({ penury, saturation }: LevelThresholds): readonly LevelRule[] {
  return [
    { level: 'empty', count: 'bikes', atMost: 0 },
    { level: 'full', count: 'free', atMost: 0 },
    { level: 'low', count: 'bikes', atMost: penury },
    { level: 'nearly_full', count: 'free', atMost: saturation },
  ]
}

/**
 * A station is closed when it is not installed, or neither rents nor takes bikes back. One of the two flags alone
 * says nothing: some feeds clear `is_renting` whenever a station is empty, and would lose their empty stations.
 */
export function isClosed({ is_installed, is_renting, is_returning }: LevelInput): boolean {
  return !is_installed || !(is_renting || is_returning)
}

/** Free docks: as the feed counts them, else what the capacity leaves; null when neither is known. */
export function freeDocks({
  bikes,
  docks,
  capacity,
}: Pick<LevelInput, 'bikes' | 'docks' | 'capacity'>): number | null {
  if (docks !== null) return docks
  return bikes === null || capacity === null ? null : Math.max(capacity - bikes, 0)
}

/** A station's level. `unknown` when the bikes are not known and the free docks do not decide. */
export function levelOf(input: LevelInput, thresholds: LevelThresholds = DEFAULT_LEVEL_THRESHOLDS): Level {
  if (isClosed(input)) return 'closed'
  const counts = { bikes: input.bikes, free: freeDocks(input) }
  for (const { level, count, atMost } of levelRules(thresholds)) {
    const value = counts[count]
    if (value !== null && value <= atMost) return level
  }
  return input.bikes === null ? 'unknown' : 'normal'
}
