import type { DecodedRecord } from '../../platform/event-log/consume.ts'
import { Silence } from '../silence.ts'
import { BinsOfRecord, type ForecastPart } from './bins-of-record.ts'
import type { ForecastLedger, ForecastLedgerSystem } from './ledger.ts'

/**
 * Bins that any one system seals after which what another has open is sealed as it is: a feed that fell silent must not
 * hold up the commit of its partition. A later poll of that bin makes one more part.
 */
const QUIET_BINS = 20

interface SystemState {
  bins: BinsOfRecord
  /** Bins that others sealed since its last forecast. */
  silent: Silence
}

/** Forecasts of record of a partition in one epoch. The same records given again change nothing. */
export class ForecastPartition {
  readonly #systems = new Map<string, SystemState>()
  #position: number
  #due: ForecastPart[] = []

  /** `fresh` when the log is not the one that the ledger was written for: then its offsets and bins mean nothing. */
  constructor({ ledger, fresh }: { ledger: ForecastLedger; fresh: boolean }) {
    this.#position = 0
    if (fresh) return
    for (const [system, { sealed }] of Object.entries(ledger.systems)) this.#add(system, sealed)
  }

  get due(): readonly ForecastPart[] {
    return this.#due
  }

  /** Takes the records at or after its position; `nextOffset` is the offset after the batch. Gives repeats by system. */
  take(records: readonly DecodedRecord[], nextOffset: number): Map<string, number> {
    const repeated = new Map<string, number>()
    for (const { record, decoded } of records) {
      if (record.offset < this.#position || decoded.name !== 'Forecast') continue
      const { system } = decoded.value
      const state = this.#systems.get(system) ?? this.#add(system, null)
      state.silent.heard()
      const { part, known } = state.bins.add(record.offset, decoded.value)
      if (known) repeated.set(system, (repeated.get(system) ?? 0) + 1)
      if (part === null) continue
      this.#due.push(part)
      this.#sealQuiet(system)
    }
    this.#position = Math.max(this.#position, nextOffset)
    return repeated
  }

  /** Seals everything that is open: the input is at its end. */
  sealAll(): void {
    for (const { bins } of this.#systems.values()) this.#seal(bins)
  }

  written(part: ForecastPart): void {
    this.#due = this.#due.filter((other) => other !== part)
  }

  /** What the ledger must say; only once no part is due. */
  progress(): Pick<ForecastLedger, 'position' | 'next_offset' | 'systems'> {
    const systems: Record<string, ForecastLedgerSystem> = {}
    const offsets = [this.#position]
    for (const [system, { bins }] of this.#systems) {
      systems[system] = { closed_through: bins.closedThrough, sealed: bins.sealed }
      if (bins.firstOpenOffset !== null) offsets.push(bins.firstOpenOffset)
    }
    return { position: this.#position, next_offset: Math.min(...offsets), systems }
  }

  #sealQuiet(active: string): void {
    for (const [system, { bins, silent }] of this.#systems) {
      if (system === active || bins.firstOpenOffset === null) continue
      if (silent.goesOn(active) > QUIET_BINS) this.#seal(bins)
    }
  }

  #seal(bins: BinsOfRecord): void {
    const part = bins.seal()
    if (part !== null) this.#due.push(part)
  }

  #add(system: string, sealed: ForecastLedgerSystem['sealed']): SystemState {
    const state = { bins: new BinsOfRecord({ system, sealed }), silent: new Silence() }
    this.#systems.set(system, state)
    return state
  }
}
