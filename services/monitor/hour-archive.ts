import pLimit from 'p-limit'
import type { Json } from '../domain/aggregates/aggregate.ts'
import {
  type Bundle,
  decodeBundle,
  emptyBundle,
  encodeBundle,
  mergeAll,
} from '../domain/aggregates/bundle.ts'
import { binChanges } from '../domain/aggregates/motion-view.ts'
import { type ValuesState, values } from '../domain/aggregates/values.ts'
import { DAY_MS, floorDay, HOUR_MS } from '../domain/bin.ts'
import type { BinChange } from '../domain/frozen.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { aggregateFolder, aggregatePath, hourOfName } from './aggregate-path.ts'
import type { HourSource } from './hour-source.ts'
import { MonitorObjects } from './monitor-objects.ts'

/** What an hour's aggregate reflects. */
export interface HourMark {
  /** All records of the system below this offset. */
  offset: number
  /** All bins of the hour that end by then, epoch ms. */
  through: number
}

interface StoredHour extends HourMark {
  system: string
  hour: string
  /** By kind. */
  aggregates: Json
}

/** Objects read at a time when a window is loaded. */
const READS_AT_A_TIME = 16
const HOURS_PER_DAY = DAY_MS / HOUR_MS

/**
 * The hour aggregates of one system as its partition's owner keeps them. Memory: hours of the last day and of the
 * day in which the window begins, one merged bundle for each whole day of the window, and for the reference's days
 * values and changes only. About 60 MB for a city of 1,500 stations with a window of 7 days; hours are read anew when needed.
 */
export class HourArchive implements HourSource {
  readonly #objects: ObjectStore
  readonly #owned: MonitorObjects
  readonly #system: string
  readonly #recompute: (hour: number) => Promise<Bundle>
  readonly #generations = new Map<number, string>()
  readonly #hours = new Map<number, Bundle>()
  readonly #days = new Map<number, Bundle>()
  readonly #dayValues = new Map<number, ValuesState>()
  readonly #changes = new Map<number, BinChange[]>()

  private constructor(options: {
    objects: ObjectStore
    system: string
    recompute: (hour: number) => Promise<Bundle>
  }) {
    this.#objects = options.objects
    this.#owned = new MonitorObjects(options.objects)
    this.#system = options.system
    this.#recompute = options.recompute
  }

  /** `recompute` gives an hour's bundle from Parquet, for hours stored by another version. */
  static async open(options: {
    objects: ObjectStore
    system: string
    recompute: (hour: number) => Promise<Bundle>
  }): Promise<HourArchive> {
    const archive = new HourArchive(options)
    const folder = aggregateFolder(options.system)
    for (const { path, generation } of await options.objects.list(folder)) {
      const hour = hourOfName(path.slice(folder.length).replace(/\.json$/, ''))
      if (hour !== null) archive.#generations.set(hour, generation)
    }
    return archive
  }

  hours(start: number, end: number): number[] {
    return [...this.#generations.keys()].filter((hour) => hour >= start && hour < end).sort((a, b) => a - b)
  }

  /** What the stored hour reflects; null when there is none. */
  async mark(hour: number): Promise<HourMark | null> {
    if (!this.#generations.has(hour)) return null
    const stored = await this.#objects.get(aggregatePath(this.#system, hour))
    if (stored === null) return null
    const { offset, through } = JSON.parse(stored.bytes.toString()) as StoredHour
    return { offset, through }
  }

  /** Never changed by others: copy before adding to it. */
  async bundle(hour: number): Promise<Bundle> {
    const known = this.#hours.get(hour)
    if (known !== undefined) return known
    if (!this.#generations.has(hour)) return emptyBundle()
    const stored = await this.#objects.get(aggregatePath(this.#system, hour))
    const json = stored === null ? null : (JSON.parse(stored.bytes.toString()) as StoredHour)
    const bundle = (json && decodeBundle(json.aggregates)) ?? (await this.#recompute(hour))
    this.#hours.set(hour, bundle)
    return bundle
  }

  /** Replaces the hour, in the store first. Throws `log_stale_epoch` when another owner wrote it. */
  async put(hour: number, bundle: Bundle, mark: HourMark): Promise<void> {
    const path = aggregatePath(this.#system, hour)
    const stored: StoredHour = {
      system: this.#system,
      hour: path.slice(-18, -5),
      ...mark,
      aggregates: encodeBundle(bundle),
    }
    const bytes = Buffer.from(`${JSON.stringify(stored)}\n`)
    const generation = this.#generations.get(hour) ?? null
    this.#generations.set(hour, await this.#owned.put(path, bytes, generation))
    this.#hours.set(hour, bundle)
    this.#changes.delete(hour)
    this.#days.delete(floorDay(hour))
    this.#dayValues.delete(floorDay(hour))
  }

  async merged(hours: readonly number[]): Promise<Bundle> {
    const parts = await this.#byDay(hours, this.#days, mergeAll, (bundle) => bundle)
    this.#forget(hours)
    return mergeAll(parts)
  }

  async values(hours: readonly number[]): Promise<ValuesState> {
    const merge = (all: ValuesState[]): ValuesState => all.reduce(values.merge, values.empty())
    return merge(await this.#byDay(hours, this.#dayValues, merge, (bundle) => bundle.values))
  }

  async changes(hours: readonly number[]): Promise<BinChange[]> {
    const limit = pLimit(READS_AT_A_TIME)
    const lists = await Promise.all(
      hours.map((hour) =>
        limit(async () => {
          let known = this.#changes.get(hour)
          if (known === undefined) {
            known = binChanges((await this.bundle(hour)).motion)
            this.#changes.set(hour, known)
          }
          return known
        }),
      ),
    )
    return lists.flat()
  }

  /** Whole days through `memo`, the hours of others singly, in order. */
  async #byDay<State>(
    hours: readonly number[],
    memo: Map<number, State>,
    merge: (states: State[]) => State,
    pick: (bundle: Bundle) => State,
  ): Promise<State[]> {
    const newest = floorDay([...this.#generations.keys()].reduce((a, b) => Math.max(a, b), 0))
    const days = Map.groupBy(hours, floorDay)
    const parts: State[] = []
    for (const [day, own] of days) {
      const whole = own.length === this.hours(day, day + DAY_MS).length && day < newest
      const known = whole ? memo.get(day) : undefined
      if (known !== undefined) {
        parts.push(known)
        continue
      }
      const limit = pLimit(READS_AT_A_TIME)
      const states = await Promise.all(own.map((hour) => limit(async () => pick(await this.bundle(hour)))))
      if (!whole) {
        parts.push(...states)
        continue
      }
      const merged = merge(states)
      memo.set(day, merged)
      parts.push(merged)
    }
    return parts
  }

  /** Keeps what the next window will ask for: see the class. */
  #forget(hours: readonly number[]): void {
    const first = hours[0]
    const last = hours.at(-1)
    if (first === undefined || last === undefined) return
    const kept = (hour: number): boolean =>
      hour > last - HOURS_PER_DAY * HOUR_MS || (hour >= floorDay(first) && hour < floorDay(first) + DAY_MS)
    for (const hour of this.#hours.keys()) if (!kept(hour)) this.#hours.delete(hour)
    for (const day of this.#days.keys()) if (day < floorDay(first)) this.#days.delete(day)
  }
}
