import { floorHour } from '../../domain/bin.ts'
import type { Platform } from '../../platform/service.ts'
import { type Published, publishArtefacts } from '../publish.ts'
import { windowPlan } from '../window-plan.ts'
import { performanceArtefacts, SKILL_DAYS } from './artefacts.ts'
import type { PerformanceMetrics } from './metrics.ts'
import { durableProgress } from './progress.ts'
import { SystemScores } from './system-scores.ts'

/** Hours whose scores late rows may have changed → status offset that the sink must have made durable first. */
export type RevisedHours = Map<number, number>

const MINUTE_MS = 60_000

/**
 * Scores the served forecasts of a partition's systems, h minutes later: as soon as the sink has the forecasts of record
 * of T and the closed bin T + h in Parquet. What is scored follows from event time alone, whenever this is called.
 */
export class PartitionScores {
  readonly #options: {
    platform: Platform
    partition: number
    metrics: PerformanceMetrics
    published: Published
  }
  readonly #systems = new Map<string, SystemScores>()

  constructor(options: {
    platform: Platform
    partition: number
    metrics: PerformanceMetrics
    published: Published
  }) {
    this.#options = options
  }

  /** Gives false when revised hours have to wait for the sink. Revised hours that were scored anew are taken out. */
  async score(revisedOf: (system: string) => RevisedHours | undefined): Promise<boolean> {
    const { platform, partition } = this.#options
    const { horizons, monitor } = platform.config
    const least = Math.min(...horizons) * MINUTE_MS
    let complete = true
    for (const [system, progress] of await durableProgress(platform.objects, partition)) {
      const scores = await this.#open(system, Math.max(monitor.window_days, SKILL_DAYS) + 1)
      const ready = Math.min(progress.rowsThrough, progress.forecastsThrough + least)
      const revised = revisedOf(system) ?? new Map<number, number>()
      const past = [...revised].filter(([hour]) => hour < ready)
      const durable = past.filter(([, offset]) => offset <= progress.rowsBelow)
      if (durable.length < past.length) complete = false
      const hours = durable.map(([hour]) => hour)
      const longestHorizonMs = Math.max(...horizons) * MINUTE_MS
      if (!(await scores.score({ ready, revised: hours, longestHorizonMs }))) continue
      for (const [hour, offset] of durable) if (revised.get(hour) === offset) revised.delete(hour)
      await this.#publish(scores)
    }
    return complete
  }

  async #publish({ system, through, hours }: SystemScores): Promise<void> {
    const { platform, metrics, published } = this.#options
    if (through === null || hours.size === 0) return
    const { window_days: windowDays } = platform.config.monitor
    const timezone = platform.config.systems.find(({ id }) => id === system)?.timezone ?? 'UTC'
    const artefacts = performanceArtefacts({ system, timezone, end: through, windowDays, hours })
    const { window } = windowPlan({ end: through, windowDays, referenceDays: 0 })
    await publishArtefacts({ platform, system, window, artefacts, published })
    metrics.scored({ system, through, artefacts })
  }

  async #open(system: string, keptDays: number): Promise<SystemScores> {
    const known = this.#systems.get(system)
    if (known !== undefined) return known
    const { objects } = this.#options.platform
    const scores = await SystemScores.open({ system, objects, keptDays })
    this.#systems.set(system, scores)
    await this.#publish(scores)
    return scores
  }
}

/** Hours of the targets that a row of this bin takes part in: as the source of each horizon, and as a target. */
export function hoursOfScores({
  bin,
  longestHorizonMs,
}: {
  bin: number
  longestHorizonMs: number
}): number[] {
  const hours: number[] = []
  for (let hour = floorHour(bin); hour <= bin + longestHorizonMs; hour += 3_600_000) hours.push(hour)
  return hours
}
