import pLimit from 'p-limit'
import type { Json } from '../../domain/aggregates/aggregate.ts'
import { type PerformanceState, performance } from '../../domain/aggregates/performance.ts'
import { BIN_MS, DAY_MS, floorHour, HOUR_MS } from '../../domain/bin.ts'
import type { WindowSpan } from '../../domain/health.ts'
import { forecastPartBin, forecastPartsPrefix } from '../../platform/object-store/layout.ts'
import type { ObjectStore } from '../../platform/object-store/port.ts'
import { hourName, hourOfName } from '../aggregate-path.ts'
import { MonitorObjects } from '../monitor-objects.ts'
import { scoreSpan } from './served-history.ts'

interface StoredHour {
  system: string
  hour: string
  /** Targets before it are scored, epoch ms. */
  through: number
  aggregates: { performance: { version: number; state: Json } }
}

/** Hours that are scored in one read: a day of 1,500 stations takes a second, and an aggregate is small. */
const HOURS_AT_A_TIME = 24
const READS_AT_A_TIME = 16

/**
 * How the served forecasts of one system fared, by the hour of their target. An hour is always computed whole from what
 * is durable, and replaced: so a restart, a repeat and late rows need no state but the stored hours.
 * Memory: the aggregates of `keptDays`, some kB each.
 */
export class SystemScores {
  readonly system: string
  readonly #objects: ObjectStore
  readonly #owned: MonitorObjects
  readonly #keptMs: number
  readonly #generations = new Map<number, string>()
  readonly #hours = new Map<number, PerformanceState>()
  /** Hours stored by another version: to be computed anew. */
  readonly #outdated = new Set<number>()
  #through: number | null = null

  private constructor({
    system,
    objects,
    keptDays,
  }: { system: string; objects: ObjectStore; keptDays: number }) {
    this.system = system
    this.#objects = objects
    this.#owned = new MonitorObjects(objects)
    this.#keptMs = keptDays * DAY_MS
  }

  static async open(options: {
    system: string
    objects: ObjectStore
    keptDays: number
  }): Promise<SystemScores> {
    const scores = new SystemScores(options)
    const folder = scoresFolder(options.system)
    for (const { path, generation } of await options.objects.list(folder)) {
      const hour = hourOfName(path.slice(folder.length).replace(/\.json$/, ''))
      if (hour !== null) scores.#generations.set(hour, generation)
    }
    await scores.#load()
    return scores
  }

  /** Targets before it are scored, epoch ms; null when none is. */
  get through(): number | null {
    return this.#through
  }

  /** Aggregates of the kept hours, by hour of the target. */
  get hours(): ReadonlyMap<number, PerformanceState> {
    return this.#hours
  }

  /**
   * Scores what can be scored: targets before `ready`, and the `revised` hours once more. True when anything was
   * computed. Throws `log_stale_epoch` when another owner wrote an hour.
   */
  async score({
    ready,
    revised,
    longestHorizonMs,
  }: {
    ready: number
    revised: readonly number[]
    longestHorizonMs: number
  }): Promise<boolean> {
    const hours = new Set([...revised, ...this.#outdated].filter((hour) => hour < ready))
    const from = this.#through ?? (await this.#firstTarget())
    const oldest = floorHour(ready - this.#keptMs)
    if (from !== null) {
      for (let hour = Math.max(floorHour(from), oldest); hour < ready; hour += HOUR_MS) {
        if (hour + HOUR_MS > from && from < ready) hours.add(hour)
      }
    }
    if (hours.size === 0) return false
    for (const span of spansOf([...hours], ready)) await this.#scoreSpan(span, longestHorizonMs)
    this.#through = Math.max(this.#through ?? ready, ready)
    for (const hour of this.#hours.keys()) if (hour < oldest) this.#hours.delete(hour)
    for (const hour of hours) this.#outdated.delete(hour)
    return true
  }

  async #scoreSpan(span: WindowSpan, longestHorizonMs: number): Promise<void> {
    const found = new Map<number, PerformanceState>()
    for (let hour = span.start; hour < span.end; hour += HOUR_MS) found.set(hour, performance.empty())
    const { system } = this
    await scoreSpan({
      objects: this.#objects,
      system,
      span,
      longestHorizonMs,
      take: (scored) => performance.add(found.get(floorHour(scored.forecast.target_utc))!, scored),
    })
    for (const [hour, state] of found) {
      if (state.size === 0 && !this.#generations.has(hour)) continue
      await this.#put(hour, state, Math.min(hour + HOUR_MS, span.end))
    }
  }

  async #put(hour: number, state: PerformanceState, through: number): Promise<void> {
    const stored: StoredHour = {
      system: this.system,
      hour: hourName(hour),
      through,
      aggregates: { performance: { version: performance.version, state: performance.encode(state) } },
    }
    const bytes = Buffer.from(`${JSON.stringify(stored)}\n`)
    const path = scoresPath(this.system, hour)
    const generation = this.#generations.get(hour) ?? null
    this.#generations.set(hour, await this.#owned.put(path, bytes, generation))
    this.#hours.set(hour, state)
  }

  /** The kept hours, and how far the newest goes. */
  async #load(): Promise<void> {
    const newest = [...this.#generations.keys()].reduce((a, b) => Math.max(a, b), 0)
    const limit = pLimit(READS_AT_A_TIME)
    const kept = [...this.#generations.keys()].filter((hour) => hour > newest - this.#keptMs)
    await Promise.all(
      kept.map((hour) =>
        limit(async () => {
          const object = await this.#objects.get(scoresPath(this.system, hour))
          if (object === null) return
          const { aggregates, through } = JSON.parse(object.bytes.toString()) as StoredHour
          this.#generations.set(hour, object.generation)
          if (hour === newest) this.#through = through
          if (aggregates.performance?.version !== performance.version) this.#outdated.add(hour)
          else this.#hours.set(hour, performance.decode(aggregates.performance.state))
        }),
      ),
    )
  }

  /** The first bin that can be a target, epoch ms; null without a forecast. */
  async #firstTarget(): Promise<number | null> {
    const [first] = await this.#objects.list(forecastPartsPrefix(this.system))
    const bin = first === undefined ? null : forecastPartBin(first.path)
    return bin === null ? null : bin + BIN_MS
  }
}

/** Folder of a system's scored hours. */
function scoresFolder(system: string): string {
  return `${system}/monitoring/aggregates/performance/`
}

function scoresPath(system: string, hour: number): string {
  return `${scoresFolder(system)}${hourName(hour)}.json`
}

/** Spans of hours that follow each other, up to `end`. */
function spansOf(hours: readonly number[], end: number): WindowSpan[] {
  const spans: WindowSpan[] = []
  for (const hour of [...hours].sort((a, b) => a - b)) {
    const last = spans.at(-1)
    if (last !== undefined && last.end === hour && hour - last.start < HOURS_AT_A_TIME * HOUR_MS) {
      last.end = hour + HOUR_MS
    } else spans.push({ start: hour, end: hour + HOUR_MS })
  }
  return spans.map(({ start, end: until }) => ({ start, end: Math.min(until, end) }))
}
