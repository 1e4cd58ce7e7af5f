import type { Observation } from './observation.ts'
import type { PollRecord } from './poll.ts'

/** A poll as its consumers act on it. */
export interface AssembledPoll {
  system: string
  /** Null for a poll that was given up: its poll record never came, a later poll of its system did. */
  poll: PollRecord | null
  /** One for each station, in poll order. */
  observations: Observation[]
  /** True when the poll record came and every row that it counts is here. */
  complete: boolean
  /** Offset of its first record, and of the one after its last. */
  firstOffset: number
  nextOffset: number
}

interface OpenPoll {
  observations: Map<string, Observation>
  firstOffset: number
  nextOffset: number
}

/**
 * Collects the observations of one partition into polls. A function of the records in offset order alone.
 * Holds the polls that have begun and not ended: at most one poll a system once a later one has ended.
 */
export class PollAssembler {
  readonly #open = new Map<string, Map<string, OpenPoll>>()

  addObservation(offset: number, observation: Observation): void {
    const polls = this.#open.get(observation.system) ?? new Map<string, OpenPoll>()
    this.#open.set(observation.system, polls)
    let open = polls.get(observation.poll_id)
    if (open === undefined) {
      open = { observations: new Map(), firstOffset: offset, nextOffset: offset + 1 }
      polls.set(observation.poll_id, open)
    }
    open.observations.set(observation.station_id, observation)
    open.nextOffset = offset + 1
  }

  /** Gives the polls that this record ends, in order: those given up first, the ended one last. */
  addPollRecord(offset: number, poll: PollRecord): AssembledPoll[] {
    const own = this.#open.get(poll.system)?.get(poll.poll_id)
    this.#open.get(poll.system)?.delete(poll.poll_id)
    const ended = this.giveUp(poll.system)
    const observations = own === undefined ? [] : [...own.observations.values()]
    ended.push({
      system: poll.system,
      poll,
      observations,
      complete: observations.length === poll.rows,
      firstOffset: own?.firstOffset ?? offset,
      nextOffset: offset + 1,
    })
    return ended
  }

  /** Ends the polls of a system whose poll record is not expected any more, as far as they came. */
  giveUp(system: string): AssembledPoll[] {
    const polls = this.#open.get(system) ?? new Map<string, OpenPoll>()
    this.#open.delete(system)
    return [...polls.values()].map(({ observations, firstOffset, nextOffset }) => ({
      system,
      poll: null,
      observations: [...observations.values()],
      complete: false,
      firstOffset,
      nextOffset,
    }))
  }

  /** Offset of the oldest record that belongs to a poll not yet ended; null when there is none. */
  oldestOpenOffset(): number | null {
    let oldest: number | null = null
    for (const polls of this.#open.values()) {
      for (const { firstOffset } of polls.values()) {
        if (oldest === null || firstOffset < oldest) oldest = firstOffset
      }
    }
    return oldest
  }
}
