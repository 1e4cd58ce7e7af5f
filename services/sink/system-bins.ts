import { BIN_MS, floorBin, floorHour } from '../domain/bin.ts'
import type { Observation } from '../domain/observation.ts'
import { type PollRecord, pollFetchKey } from '../domain/poll.ts'
import type { AssembledPoll } from '../domain/poll-assembly.ts'
import { laterObservation } from './last-observation.ts'

/** Rows ready to be written: one bin's last observations, sorted by station. */
export interface BronzePart {
  kind: 'bronze'
  system: string
  bin: number
  rows: Observation[]
  firstOffset: number
  nextOffset: number
}

/** Poll records ready to be written, one a fetch, in the order in which they came. */
export interface PollsPart {
  kind: 'polls'
  system: string
  polls: PollRecord[]
  firstOffset: number
  nextOffset: number
}

interface OpenBin {
  rows: Map<string, Observation>
  firstOffset: number
  nextOffset: number
}

interface OpenPolls {
  hour: number
  /** By `pollFetchKey`. */
  polls: Map<string, PollRecord>
  firstOffset: number
  nextOffset: number
}

/**
 * What one system has that is not yet durable: its open bins and the poll records of the hour. A function of the
 * records in their order alone.
 *
 * A bin is sealed when the watermark has passed its end. Rows that come for such a bin later open it again, and are
 * sealed, as one more part, by the next poll that brings observations of other bins: so a second replay of the same
 * records seals the same parts. Poll records are sealed when one of another hour of fetch time comes. What a silent
 * system has open is sealed as it is by its partition (`sealOpenRows`).
 *
 * Holds one row a station for each open bin (normally two), and an hour of poll records.
 */
export class SystemBins {
  readonly system: string
  readonly #bins = new Map<number, OpenBin>()
  #polls: OpenPolls | null = null
  #watermark: number | null
  #closedThrough: number | null

  constructor({
    system,
    watermark,
    closedThrough,
  }: { system: string; watermark: number | null; closedThrough: number | null }) {
    this.system = system
    this.#watermark = watermark
    this.#closedThrough = closedThrough
  }

  /** Greatest event time of its polls, epoch ms. */
  get watermark(): number | null {
    return this.#watermark
  }

  /** Bins that end by then are closed, epoch ms. */
  get closedThrough(): number | null {
    return this.#closedThrough
  }

  get openBins(): number {
    return this.#bins.size
  }

  /** Takes a poll's observations and gives the parts that are sealed by it. `late` counts rows of closed bins. */
  addPoll({ poll, observations, firstOffset, nextOffset }: AssembledPoll): {
    parts: BronzePart[]
    late: number
  } {
    const before = this.#watermark ?? Number.NEGATIVE_INFINITY
    const touched = new Set<number>()
    let late = 0
    for (const observation of observations) {
      const bin = floorBin(observation.ts_utc)
      touched.add(bin)
      if (bin + BIN_MS <= before) late += 1
      const open = this.#bins.get(bin) ?? { rows: new Map(), firstOffset, nextOffset }
      this.#bins.set(bin, open)
      open.firstOffset = Math.min(open.firstOffset, firstOffset)
      open.nextOffset = Math.max(open.nextOffset, nextOffset)
      const existing = open.rows.get(observation.station_id)
      open.rows.set(
        observation.station_id,
        existing === undefined ? observation : laterObservation(existing, observation),
      )
    }
    const event = poll?.ts_utc ?? null
    if (event !== null && event > before) {
      this.#watermark = event
      this.#close(floorBin(event))
    }
    if (touched.size === 0) return { parts: [], late }
    const limit = this.#watermark ?? Number.NEGATIVE_INFINITY
    return { parts: this.#seal((bin) => bin + BIN_MS <= limit && !touched.has(bin)), late }
  }

  /** Keeps a poll record, each fetch once, and gives the part of the hour before, when this one begins another. */
  addPollRecord(offset: number, poll: PollRecord): PollsPart[] {
    const hour = floorHour(poll.fetched_utc)
    const sealed = this.#polls !== null && this.#polls.hour !== hour ? this.sealPolls() : []
    this.#polls ??= { hour, polls: new Map(), firstOffset: offset, nextOffset: offset + 1 }
    const fetched = pollFetchKey(poll)
    if (!this.#polls.polls.has(fetched)) this.#polls.polls.set(fetched, poll)
    this.#polls.nextOffset = offset + 1
    return sealed
  }

  /** Every open bin, in order, for an input that is at its end: the watermark's own bin is closed by that. */
  sealBins(): BronzePart[] {
    const parts = this.#seal(() => true)
    for (const { bin } of parts) this.#close(bin + BIN_MS)
    if (this.#watermark !== null) this.#close(floorBin(this.#watermark) + BIN_MS)
    return parts
  }

  /** The rows of every open bin, which stay open: rows that come for them later make one more part. */
  sealOpenRows(): BronzePart[] {
    return this.#seal(() => true)
  }

  sealPolls(): PollsPart[] {
    const open = this.#polls
    this.#polls = null
    if (open === null) return []
    const { firstOffset, nextOffset } = open
    return [{ kind: 'polls', system: this.system, polls: [...open.polls.values()], firstOffset, nextOffset }]
  }

  /** Lowest offset whose observation is in an open bin; null when there is none. */
  firstOpenOffset(): number | null {
    const offsets = [...this.#bins.values()].map(({ firstOffset }) => firstOffset)
    return offsets.length === 0 ? null : Math.min(...offsets)
  }

  /** Offset of the oldest poll record that is kept; null when there is none. */
  firstOpenPollOffset(): number | null {
    return this.#polls?.firstOffset ?? null
  }

  #close(through: number): void {
    this.#closedThrough = Math.max(this.#closedThrough ?? through, through)
  }

  #seal(isDue: (bin: number) => boolean): BronzePart[] {
    const due = [...this.#bins.keys()].filter(isDue).sort((a, b) => a - b)
    return due.map((bin) => {
      const { rows, firstOffset, nextOffset } = this.#bins.get(bin)!
      this.#bins.delete(bin)
      const sorted = [...rows.values()].sort((a, b) => (a.station_id < b.station_id ? -1 : 1))
      return { kind: 'bronze', system: this.system, bin, rows: sorted, firstOffset, nextOffset }
    })
  }
}
