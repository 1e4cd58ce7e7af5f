import type { Storage } from './storage.ts'

/** Milliseconds between two passes: retention is counted in hours, so a minute late is on time. */
const PASS_EVERY_MS = 60_000
/** Most records that a pass deletes in a partition, so that no publish waits long for it. */
const PASS_RECORDS = 20_000

/**
 * Deletes records whose append time is older than their topic's retention, never past an offset that a group has
 * committed there; a member commits where it begins. A group that is gone for good so keeps its records.
 */
export class Retention {
  readonly #storage: Storage
  #lastPass = Number.NEGATIVE_INFINITY

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** Runs a pass when one is due at `now` (epoch ms). */
  enforce(now: number): void {
    if (now - this.#lastPass < PASS_EVERY_MS) return
    this.#lastPass = now
    for (const { spec, partitions } of this.#storage.topics.values()) {
      if (spec.retentionMs === null) continue
      for (const state of partitions) {
        const expired = this.#storage.offsetAt(state, now - spec.retentionMs)
        const below = Math.min(expired, this.#storage.lowestCommitted(state) ?? expired)
        if (below > this.#storage.firstOffset(state)) {
          this.#storage.deleteBelow(state, below, PASS_RECORDS)
        }
      }
    }
  }
}
