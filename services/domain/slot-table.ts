import type { Observation } from './observation.ts'
import { slotBinNumber, viewOf, writeSlot } from './slot.ts'
import { RING_SLOTS, SLOT_BYTES, type SlotWrites } from './window.ts'

/** Slots to write, one after the other in one piece of memory: `capacity` × SLOT_BYTES bytes, kept while the writes are. */
export class SlotTable {
  readonly bytes: Buffer
  readonly #view: DataView
  readonly #stationIds: string[] = []
  readonly #indexes: Uint8Array

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafe(capacity * SLOT_BYTES)
    this.#view = viewOf(this.bytes)
    this.#indexes = new Uint8Array(capacity)
  }

  /** Packs an observation where the next slot comes, and says where; it goes unless it is kept. */
  pack(observation: Observation): number {
    const offset = this.#stationIds.length * SLOT_BYTES
    writeSlot(this.#view, offset, observation)
    return offset
  }

  /** Keeps the slot that was packed last. */
  keep(stationId: string): void {
    const place = this.#stationIds.length
    this.#indexes[place] = slotBinNumber(this.bytes, place * SLOT_BYTES) % RING_SLOTS
    this.#stationIds.push(stationId)
  }

  /** Adds the slot at `from` of a ring. */
  copy(stationId: string, ring: Buffer, from: number): void {
    ring.copy(this.bytes, this.#stationIds.length * SLOT_BYTES, from, from + SLOT_BYTES)
    this.keep(stationId)
  }

  writes(): SlotWrites {
    const count = this.#stationIds.length
    return {
      stationIds: this.#stationIds,
      indexes: this.#indexes.subarray(0, count),
      slots: this.bytes.subarray(0, count * SLOT_BYTES),
    }
  }
}

/** The writes of the stations that are not among `left`. */
export function writesWithout(writes: SlotWrites, left: ReadonlySet<string>): SlotWrites {
  if (left.size === 0) return writes
  const kept = writes.stationIds.flatMap((stationId, place) => (left.has(stationId) ? [] : [place]))
  const slots = Buffer.allocUnsafe(kept.length * SLOT_BYTES)
  kept.forEach((place, at) => {
    writes.slots.copy(slots, at * SLOT_BYTES, place * SLOT_BYTES, (place + 1) * SLOT_BYTES)
  })
  return {
    stationIds: kept.map((place) => writes.stationIds[place]!),
    indexes: Uint8Array.from(kept, (place) => writes.indexes[place]!),
    slots,
  }
}
