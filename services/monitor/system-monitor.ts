import { addPoll, addRow, type Bundle, emptyBundle, mergeBundles } from '../domain/aggregates/bundle.ts'
import { pollTime } from '../domain/aggregates/poll-time.ts'
import { BIN_MS, floorBin, floorHour, HOUR_MS } from '../domain/bin.ts'
import { compareObservations, type Observation } from '../domain/observation.ts'
import { type PollRecord, pollFetchKey } from '../domain/poll.ts'
import type { AssembledPoll } from '../domain/poll-assembly.ts'
import { hourName, hourOfName } from './aggregate-path.ts'
import { type NewestPolls, newerPolls } from './freshness.ts'
import type { HourArchive } from './hour-archive.ts'
import type { LedgerEntry } from './ledger.ts'
import { hoursOfScores, type RevisedHours } from './performance/partition-scores.ts'

/** A bin that is not closed yet: the last observation of each station, and the polls made in it, each fetch once. */
interface PendingBin {
  rows: Map<string, Observation>
  polls: Map<string, PollRecord>
  firstOffset: number
}

/**
 * What one system brought since the last commit. Memory: the bins between watermark and newest record (one or two,
 * with one observation a station each), the hours that were not written yet, and the archive's.
 */
export class SystemMonitor {
  readonly system: string
  readonly archive: HourArchive
  newest: NewestPolls | null = null
  /** Bins that end by then are closed, epoch ms; null before the first event time. */
  closedThrough: number | null
  /** Hour → status offset that the sink must have made durable before the hour is recomputed. */
  readonly dirty: Map<number, number>
  /** As `dirty`, hours whose forecasts are to be scored anew: late rows are ends of their labels. */
  readonly revised: RevisedHours
  readonly #longestHorizonMs: number
  #handled: number
  #watermark: number | null
  readonly #pending = new Map<number, PendingBin>()
  /** Hours changed since they were written. */
  readonly #open = new Map<number, Bundle>()
  /** Hours whose object is of this ledger's line: what others wrote beyond the ledger is never built upon. */
  readonly #own = new Set<number>()

  constructor({
    system,
    archive,
    entry,
    longestHorizonMs,
  }: { system: string; archive: HourArchive; entry: LedgerEntry | null; longestHorizonMs: number }) {
    this.system = system
    this.#longestHorizonMs = longestHorizonMs
    this.archive = archive
    this.closedThrough = entry?.closed_through ?? null
    this.#watermark = entry?.watermark ?? null
    this.#handled = entry?.handled ?? 0
    this.dirty = hoursOf(entry?.dirty)
    this.revised = hoursOf(entry?.revised)
  }

  /**
   * Before the first poll after a load: an hour that was closed in part goes on from its object. When the object is
   * not at the ledger's bin (the writer died between the two), the hour is recomputed.
   */
  async resume(): Promise<void> {
    if (this.closedThrough === null) return
    const hour = floorHour(this.closedThrough)
    if (hour === this.closedThrough) return
    const mark = await this.archive.mark(hour)
    if (mark?.through === this.closedThrough) this.#own.add(hour)
    else this.#markDirty(hour, this.#handled)
  }

  /**
   * Takes one poll; `closeDue` comes next. Rows and polls of a closed bin that were not handled before mark their hour
   * dirty. Never fails, so that a batch that comes again can go on where it stopped.
   */
  take({ poll, observations, firstOffset, nextOffset }: AssembledPoll): void {
    const late = (bin: number): boolean => this.closedThrough !== null && bin < this.closedThrough
    const known = nextOffset <= this.#handled
    for (const observation of observations) {
      const bin = floorBin(observation.ts_utc)
      if (late(bin)) {
        if (!known) this.#markLate(bin, nextOffset)
        continue
      }
      const { rows } = this.#pendingBin(bin, firstOffset)
      const before = rows.get(observation.station_id)
      if (before === undefined || compareObservations(before, observation) < 0) {
        rows.set(observation.station_id, observation)
      }
    }
    if (poll !== null) {
      const bin = floorBin(pollTime(poll))
      if (!late(bin)) this.#pendingBin(bin, firstOffset).polls.set(pollFetchKey(poll), poll)
      else if (!known) this.#markDirty(floorHour(bin), nextOffset)
      this.newest = newerPolls(this.newest, poll, observations)
      if (poll.ts_utc !== null) this.#watermark = Math.max(this.#watermark ?? poll.ts_utc, poll.ts_utc)
    }
    this.#handled = Math.max(this.#handled, nextOffset)
  }

  /** Closes every bin that the watermark has passed. After an error it may be called again. */
  async closeDue(): Promise<void> {
    if (this.#watermark !== null) await this.#close(floorBin(this.#watermark))
  }

  /** Closes every bin that ends by `through`. */
  async #close(through: number): Promise<void> {
    if (this.closedThrough !== null && through <= this.closedThrough) return
    const bins = [...this.#pending.keys()].filter((bin) => bin < through).sort((a, b) => a - b)
    for (const bin of bins) {
      const { rows, polls } = this.#pending.get(bin)!
      const bundle = await this.#openHour(floorHour(bin))
      for (const row of rows.values()) addRow(bundle, row)
      for (const poll of polls.values()) addPoll(bundle, poll)
      this.#pending.delete(bin)
    }
    this.closedThrough = through
    for (const [hour, offset] of this.dirty) {
      if (hour + HOUR_MS <= through && !this.isOpen(hour)) continue
      this.dirty.set(hour, Math.max(offset, this.#handled))
    }
  }

  /** Closes all that came: the input is at its end. */
  async closeAll(): Promise<void> {
    const newest = [...this.#pending.keys()].reduce<number | null>(
      (a, b) => (a === null ? b : Math.max(a, b)),
      null,
    )
    if (newest !== null) await this.#close(newest + BIN_MS)
  }

  isOpen(hour: number): boolean {
    return this.#open.has(hour)
  }

  /** True when an hour ended since the hours were last written. */
  hasEndedHour(): boolean {
    return [...this.#open.keys()].some((hour) => hour + HOUR_MS <= (this.closedThrough ?? 0))
  }

  hasOpenHours(): boolean {
    return this.#open.size > 0
  }

  /** Writes every changed hour. */
  async writeHours(): Promise<void> {
    for (const [hour, bundle] of [...this.#open].sort(([a], [b]) => a - b)) {
      await this.archive.put(hour, bundle, {
        offset: this.#handled,
        through: Math.min(hour + HOUR_MS, this.closedThrough!),
      })
      this.#own.add(hour)
      this.#open.delete(hour)
    }
  }

  /** Puts a recomputed hour in place of the streamed one. */
  async replaceHour(hour: number, bundle: Bundle): Promise<void> {
    const through = Math.min(hour + HOUR_MS, this.closedThrough!)
    await this.archive.put(hour, bundle, { offset: this.#handled, through })
    this.#own.add(hour)
    this.dirty.delete(hour)
  }

  /** Offset of the oldest record that is not in an hour object; null when there is none. */
  oldestPendingOffset(): number | null {
    let oldest: number | null = null
    for (const { firstOffset } of this.#pending.values()) {
      oldest = oldest === null ? firstOffset : Math.min(oldest, firstOffset)
    }
    return oldest
  }

  entry(): LedgerEntry {
    return {
      handled: this.#handled,
      watermark: this.#watermark,
      closed_through: this.closedThrough,
      dirty: namesOf(this.dirty),
      revised: namesOf(this.revised),
    }
  }

  /** A row of a closed bin: its hour is dirty, and the scores of which it is an end are revised. */
  #markLate(bin: number, offset: number): void {
    this.#markDirty(floorHour(bin), offset)
    for (const hour of hoursOfScores({ bin, longestHorizonMs: this.#longestHorizonMs })) {
      this.revised.set(hour, Math.max(this.revised.get(hour) ?? 0, offset))
    }
  }

  #markDirty(hour: number, offset: number): void {
    this.dirty.set(hour, Math.max(this.dirty.get(hour) ?? 0, offset))
  }

  #pendingBin(bin: number, firstOffset: number): PendingBin {
    let pending = this.#pending.get(bin)
    if (pending === undefined) {
      pending = { rows: new Map(), polls: new Map(), firstOffset }
      this.#pending.set(bin, pending)
    }
    pending.firstOffset = Math.min(pending.firstOffset, firstOffset)
    return pending
  }

  async #openHour(hour: number): Promise<Bundle> {
    let bundle = this.#open.get(hour)
    if (bundle === undefined) {
      bundle = emptyBundle()
      if (this.#own.has(hour)) bundle = mergeBundles(await this.archive.bundle(hour), bundle)
      this.#open.set(hour, bundle)
    }
    return bundle
  }
}

function hoursOf(names: Record<string, number> = {}): Map<number, number> {
  return new Map(Object.entries(names).map(([name, offset]) => [hourOfName(name) ?? 0, offset]))
}

function namesOf(hours: ReadonlyMap<number, number>): Record<string, number> {
  return Object.fromEntries(
    [...hours].sort(([a], [b]) => a - b).map(([hour, offset]) => [hourName(hour), offset]),
  )
}
