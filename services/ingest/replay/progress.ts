import { floorBin } from '../../domain/bin.ts'
import type { PollOutcome, PollRecord } from '../../domain/poll.ts'
import type { Recording } from './recorded-polls.ts'

/** How far a replay is. Times are epoch ms. */
export interface ReplayProgress {
  /** Polls handled of those in the index; fewer come when files can't be read. */
  polls: number
  total: number
  rows: number
  bins: number
  /** Event time of the last poll that had one. */
  current_utc: number | null
  first_utc: number
  last_utc: number
  rowsPerSecond: number
  /** The group that the replay waits for. */
  waitingFor: string | null
}

/** What a replay did. */
export interface ReplaySummary {
  system: string
  polls: number
  rows: number
  /** Distinct bins of event time that polls with rows were in, as they came. */
  bins: number
  outcomes: Partial<Record<PollOutcome, number>>
  /** Files left out, by reason. */
  skipped: Recording['skipped']['counts']
  first_utc: number | null
  last_utc: number | null
  seconds: number
  /** False when it was drained before its end. */
  finished: boolean
}

/** Counts what a replay does. */
export class ReplayTally {
  polls = 0
  rows = 0
  bins = 0
  readonly outcomes: Partial<Record<PollOutcome, number>> = {}
  first: number | null = null
  last: number | null = null
  #bin: number | null = null

  add({ outcome, rows, ts_utc }: PollRecord): void {
    this.polls += 1
    this.rows += rows
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1
    if (ts_utc === null) return
    this.first = this.first === null ? ts_utc : Math.min(this.first, ts_utc)
    this.last = this.last === null ? ts_utc : Math.max(this.last, ts_utc)
    const bin = floorBin(ts_utc)
    if (this.#bin === null || bin > this.#bin) {
      this.bins += 1
      this.#bin = bin
    }
  }
}
