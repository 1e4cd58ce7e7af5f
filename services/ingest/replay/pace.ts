import { BIN_MS } from '../../domain/bin.ts'
import type { EventLog, GroupLag } from '../../platform/event-log/port.ts'
import { GROUPS, TOPICS } from '../../platform/topics.ts'

/** Groups that a replay waits for. */
export const PACED_GROUPS = ['windows', 'forecast', 'sink', 'monitor'] as const
export type PacedGroup = (typeof PACED_GROUPS)[number]

/** Bins that a replay may be ahead of the slowest group: 4 fewer than the slots that rings keep for readers that lag. */
export const BINS_AHEAD = 20

/**
 * Bins more that a group may be behind in what it commits, though not in what it has read: the sink writes poll
 * records by the hour of their fetch, so its commit stays at the hour's first until a poll of the next hour has come,
 * and it commits once a second, in which a recording whose every poll is a bin of its own brings dozens.
 */
const COMMIT_SPAN: Partial<Record<PacedGroup, number>> = { sink: 76 }

interface PublishedBin {
  bin: number
  /** Offset after its last status record. */
  statusEnd: number
  /** Offset after its last window update, or more; null until the windows have passed it. */
  updatesEnd: number | null
  /** Groups that have not passed it, as far as is known. */
  behind: readonly PacedGroup[]
}

/**
 * Keeps a replay at most BINS_AHEAD bins ahead of the slowest group. A group has passed a bin when it has committed the
 * bin's last record; the forecasts, when they have committed the window updates that were there once the windows had
 * passed it. The sink, which commits by the hour and once a second, may be 76 bins further behind. The newest bin never holds the next
 * one up: only its successor closes it. Neither does what only a later poll lets the sink pass: a late poll counts for
 * the newest bin, and the distance to the sink is in bins that have polls, for a jump of event time is one to it. A
 * group without a commit counts as at the beginning.
 * Remembers the bins that are not passed yet: at most 97.
 */
export class ReplayPace {
  readonly #log: Pick<EventLog, 'lag'>
  readonly #groups: readonly PacedGroup[]
  readonly #binsAhead: number
  #partition = 0
  #bins: PublishedBin[] = []
  #slowest: PacedGroup | null = null

  constructor({
    log,
    groups = PACED_GROUPS,
    bins = BINS_AHEAD,
  }: {
    log: Pick<EventLog, 'lag'>
    groups?: readonly PacedGroup[]
    bins?: number
  }) {
    this.#log = log
    this.#groups = groups
    this.#binsAhead = bins
  }

  /** The group that was behind when `mayPublish` last gave false. */
  get slowest(): PacedGroup | null {
    return this.#slowest
  }

  /** Tells of a published poll: its bin, and the partition and offset of its last record. */
  published({ bin, partition, offset }: { bin: number; partition: number; offset: number }): void {
    if (this.#groups.length === 0) return
    this.#partition = partition
    const newest = this.#bins.at(-1)
    if (newest !== undefined && newest.bin >= bin) {
      newest.statusEnd = offset + 1
      newest.updatesEnd = null
      newest.behind = this.#groups
    } else this.#bins.push({ bin, statusEnd: offset + 1, updatesEnd: null, behind: this.#groups })
  }

  /** True when a poll of `bin` may be published now. Asks the log only when what is known does not allow it. */
  async mayPublish(bin: number): Promise<boolean> {
    if (this.#allows(bin)) return true
    await this.#look()
    return this.#allows(bin)
  }

  #allows(bin: number): boolean {
    this.#slowest = null
    for (const [place, published] of this.#bins.slice(0, -1).entries()) {
      const ahead = (bin - published.bin) / BIN_MS
      const slow = published.behind.find(
        (group) =>
          (group === 'sink' ? Math.min(ahead, this.#bins.length - place) : ahead) >
          this.#binsAhead + (COMMIT_SPAN[group] ?? 0),
      )
      if (slow === undefined) continue
      this.#slowest = slow
      return false
    }
    return true
  }

  async #look(): Promise<void> {
    const passed = new Map<PacedGroup, number>()
    for (const group of ['windows', 'sink', 'monitor'] as const) {
      if (this.#groups.includes(group) || (group === 'windows' && this.#groups.includes('forecast'))) {
        passed.set(group, (await this.#position(group, TOPICS.status)).committed ?? 0)
      }
    }
    const windows = passed.get('windows') ?? 0
    if (this.#groups.includes('forecast')) {
      const { committed, end } = await this.#position('forecast', TOPICS.windowUpdates)
      for (const published of this.#bins) {
        if (windows >= published.statusEnd) published.updatesEnd ??= end
      }
      passed.set('forecast', committed ?? 0)
    }
    for (const published of this.#bins) published.behind = this.#behind(published, passed)
    const newest = this.#bins.at(-1)
    this.#bins = this.#bins.filter((published) => published === newest || published.behind.length > 0)
  }

  #behind({ statusEnd, updatesEnd }: PublishedBin, passed: Map<PacedGroup, number>): PacedGroup[] {
    return this.#groups.filter((group) => {
      const position = passed.get(group) ?? 0
      if (group !== 'forecast') return position < statusEnd
      return updatesEnd === null || position < updatesEnd
    })
  }

  async #position(group: PacedGroup, topic: string): Promise<Pick<GroupLag, 'committed' | 'end'>> {
    const lags = await this.#log.lag(GROUPS[group], [topic])
    return lags.find(({ partition }) => partition === this.#partition) ?? { committed: null, end: 0 }
  }
}
