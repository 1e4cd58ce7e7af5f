import { PollAssembler } from '../domain/poll-assembly.ts'
import type { DecodedRecord } from '../platform/event-log/consume.ts'
import type { LedgerSystem, SinkLedger } from './ledger.ts'
import { Silence } from './silence.ts'
import { type BronzePart, type PollsPart, SystemBins } from './system-bins.ts'

export type Part = BronzePart | PollsPart

interface SystemState {
  bins: SystemBins
  /** From the ledger: records below these are durable and skipped. */
  skipBelow: number
  skipPollsBelow: number
  /** First offset of the poll that has begun and not ended; null when there is none. */
  openPoll: number | null
  /** Poll records of others since its last observation, and since its last poll record. */
  silentRows: Silence
  silentPolls: Silence
}

/**
 * Poll records of any one system after which what another has open is sealed as it is: a feed that fell silent, or a
 * recording that has ended, must not hold up the commit of its partition. Less than the bins by which a replay may be
 * ahead of the sink, else two replays in one partition would wait for each other.
 */
const QUIET_POLLS = { rows: 12, polls: 20 } as const

/**
 * What a partition's owner holds in memory: nothing of it is durable but what the ledger says. Records are taken in
 * offset order; the same records given again (a batch that is delivered anew) change nothing.
 */
export class Partition {
  readonly #systems = new Map<string, SystemState>()
  readonly #assembler = new PollAssembler()
  #position: number
  #due: Part[] = []

  /** `fresh` when the log is not the one that the ledger was written for: then its offsets mean nothing. */
  constructor({ ledger, fresh }: { ledger: SinkLedger; fresh: boolean }) {
    this.#position = 0
    for (const [system, entry] of Object.entries(ledger.systems)) {
      this.#systems.set(system, {
        bins: new SystemBins({ system, watermark: entry.watermark, closedThrough: entry.closed_through }),
        skipBelow: fresh ? 0 : entry.next_offset,
        skipPollsBelow: fresh ? 0 : entry.polls_next_offset,
        ...nothingOpen(),
      })
    }
  }

  /** Sealed parts that are not yet durable. */
  get due(): readonly Part[] {
    return this.#due
  }

  get openBins(): number {
    return [...this.#systems.values()].reduce((sum, { bins }) => sum + bins.openBins, 0)
  }

  /** Takes the records at or after its position; `nextOffset` is the offset after the batch. Gives late rows by system. */
  take(records: readonly DecodedRecord[], nextOffset: number): Map<string, number> {
    const lateRows = new Map<string, number>()
    for (const { record, decoded } of records) {
      const { offset } = record
      if (offset < this.#position) continue
      if (decoded.name === 'StationObservation') {
        const state = this.#stateOf(decoded.value.system)
        if (offset < state.skipBelow) continue
        state.openPoll ??= offset
        state.silentRows.heard()
        this.#assembler.addObservation(offset, decoded.value)
      } else if (decoded.name === 'PollRecord') {
        const state = this.#stateOf(decoded.value.system)
        if (offset >= state.skipPollsBelow) {
          this.#due.push(...state.bins.addPollRecord(offset, decoded.value))
          state.silentPolls.heard()
        }
        if (offset >= state.skipBelow) {
          state.openPoll = null
          for (const poll of this.#assembler.addPollRecord(offset, decoded.value)) {
            const { parts, late } = state.bins.addPoll(poll)
            this.#due.push(...parts)
            if (late > 0) lateRows.set(poll.system, (lateRows.get(poll.system) ?? 0) + late)
          }
        }
        this.#sealQuiet(decoded.value.system)
      }
    }
    this.#position = Math.max(this.#position, nextOffset)
    return lateRows
  }

  /** Seals everything that is open: the input is at its end. */
  sealAll(): void {
    for (const { bins } of this.#systems.values()) this.#due.push(...bins.sealBins(), ...bins.sealPolls())
  }

  /** A part became durable. */
  written(part: Part): void {
    this.#due = this.#due.filter((other) => other !== part)
  }

  /** What the ledger must say once every part but the due ones is durable. */
  progress(): Pick<SinkLedger, 'position' | 'systems'> {
    const systems: Record<string, LedgerSystem> = {}
    for (const [system, { bins, skipBelow, skipPollsBelow, openPoll }] of this.#systems) {
      const due = this.#due.filter((part) => part.system === system)
      const first = (kind: Part['kind']): number[] =>
        due.filter((part) => part.kind === kind).map(firstOffsetOf)
      const rows = [this.#position, bins.firstOpenOffset(), openPoll, ...first('bronze')].filter(isNumber)
      const polls = [this.#position, bins.firstOpenPollOffset(), ...first('polls')].filter(isNumber)
      systems[system] = {
        next_offset: Math.max(skipBelow, Math.min(...rows)),
        polls_next_offset: Math.max(skipPollsBelow, Math.min(...polls)),
        watermark: bins.watermark,
        closed_through: bins.closedThrough,
      }
    }
    return { position: this.#position, systems }
  }

  /** Counts a poll record of `active` for all systems, and seals what those have open that were quiet for too long. */
  #sealQuiet(active: string): void {
    for (const [system, state] of this.#systems) {
      const { bins, silentRows, silentPolls } = state
      if (silentRows.goesOn(active) > QUIET_POLLS.rows && (state.openPoll !== null || bins.openBins > 0)) {
        state.openPoll = null
        for (const poll of this.#assembler.giveUp(system)) this.#due.push(...bins.addPoll(poll).parts)
        this.#due.push(...bins.sealOpenRows())
      }
      if (system !== active && silentPolls.goesOn(active) > QUIET_POLLS.polls) {
        this.#due.push(...bins.sealPolls())
      }
    }
  }

  #stateOf(system: string): SystemState {
    let state = this.#systems.get(system)
    if (state === undefined) {
      state = {
        bins: new SystemBins({ system, watermark: null, closedThrough: null }),
        skipBelow: 0,
        skipPollsBelow: 0,
        ...nothingOpen(),
      }
      this.#systems.set(system, state)
    }
    return state
  }
}

/** Where a reader of the partition must begin so that nothing that is not durable is missed. */
export function resumeOffset({ position, systems }: Pick<SinkLedger, 'position' | 'systems'>): number {
  const offsets = Object.values(systems).flatMap((entry) => [entry.next_offset, entry.polls_next_offset])
  return Math.min(position, ...offsets)
}

function nothingOpen(): Pick<SystemState, 'openPoll' | 'silentRows' | 'silentPolls'> {
  return { openPoll: null, silentRows: new Silence(), silentPolls: new Silence() }
}

function firstOffsetOf({ firstOffset }: Part): number {
  return firstOffset
}

function isNumber(value: number | null): value is number {
  return value !== null
}
