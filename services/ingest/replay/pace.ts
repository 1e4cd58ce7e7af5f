import { BIN_MS } from '../../domain/bin.ts'
import type { EventLog, GroupLag } from '../../platform/event-log/port.ts'
import { GROUPS, TOPICS } from '../../platform/topics.ts'

/** Groups that a replay waits for. */
export const PACED_GROUPS = ['windows', 'forecast', 'sink', 'monitor'] as const
export type PacedGroup = (typeof PACED_GROUPS)[number]

/** Bins that a replay may be ahead of the slowest group: half of the 24 slots that rings keep for readers that lag. */
export const BINS_AHEAD = 12

interface PublishedBin {
  bin: number
  /** Offset after its last status record. */
  statusEnd: number
  /** Offset after its last window update, or more; null until the windows have passed it. */
  updatesEnd: number | null
}

/**
 * Keeps a replay at most BINS_AHEAD bins ahead of the slowest group. A group has passed a bin when it has committed the
 * bin's last record; the forecasts, when they have committed the window updates that were there once the windows had
 * passed it. The newest bin never holds the next one up: only its successor closes it. A group without a commit counts
 * as at the beginning. Remembers the bins that are not passed yet: at most BINS_AHEAD and one a late poll.
 */
export class ReplayPace {
  readonly #log: Pick<EventLog, 'lag'>
  readonly #groups: readonly PacedGroup[]
  readonly #ahead: number
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
    this.#ahead = bins * BIN_MS
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
    if (newest?.bin === bin) {
      newest.statusEnd = offset + 1
      newest.updatesEnd = null
    } else this.#bins.push({ bin, statusEnd: offset + 1, updatesEnd: null })
  }

  /** True when a poll of `bin` may be published now. Asks the log only when what is known does not allow it. */
  async mayPublish(bin: number): Promise<boolean> {
    if (this.#allows(bin)) return true
    await this.#look()
    return this.#allows(bin)
  }

  #allows(bin: number): boolean {
    return this.#bins.slice(0, -1).every((published) => bin - published.bin <= this.#ahead)
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
    this.#slowest = null
    const open = this.#bins.filter((published) => this.#isOpen(published, passed))
    const newest = this.#bins.at(-1)
    this.#bins = newest === undefined || open.includes(newest) ? open : [...open, newest]
  }

  #isOpen({ statusEnd, updatesEnd }: PublishedBin, passed: Map<PacedGroup, number>): boolean {
    const behind = this.#groups.find((group) => {
      const position = passed.get(group) ?? 0
      if (group !== 'forecast') return position < statusEnd
      return updatesEnd === null || position < updatesEnd
    })
    this.#slowest ??= behind ?? null
    return behind !== undefined
  }

  async #position(group: PacedGroup, topic: string): Promise<Pick<GroupLag, 'committed' | 'end'>> {
    const lags = await this.#log.lag(GROUPS[group], [topic])
    return lags.find(({ partition }) => partition === this.#partition) ?? { committed: null, end: 0 }
  }
}
