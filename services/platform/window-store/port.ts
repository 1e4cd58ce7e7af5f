import type { SlotWrites } from '../../domain/window.ts'

/**
 * Rolling windows of a system's stations, one packed value a station: a ring (RING_SLOTS × SLOT_BYTES bytes), then the
 * station's facts (`packStation`; a store does not look into them). Every write carries the owner's epoch; a stale
 * owner is refused with `window_stale_epoch` and changes nothing, as is a write whose newest bin is older than that
 * of an earlier write of the same owner. An emptied store has forgotten its owner: it takes the next who writes.
 * Throws `window_store_unreachable` (retryable).
 */
export interface WindowStore {
  /** Makes the caller the owner of the system's windows: gives an epoch greater than every one given before. */
  claim(system: string): Promise<number>
  /** Every value of the system; empty when there is none (never written, emptied or expired). */
  load(system: string): Promise<Map<string, Buffer>>
  /**
   * Writes slots in place in one atomic step and refreshes their stations' time to live. Gives the stations whose ring was
   * absent, or all when the store has forgotten an earlier write of this owner: `restore` them whole.
   */
  write(options: {
    system: string
    epoch: number
    newestBin: number
    writes: SlotWrites
  }): Promise<{ missing: string[] }>
  /** Writes whole values. Fails as unreachable when the store has forgotten an earlier write of this owner. */
  restore(options: {
    system: string
    epoch: number
    newestBin: number
    rings: Map<string, Buffer>
  }): Promise<void>
  /** Values in the order asked for, null where there is none. */
  read(system: string, stationIds: string[]): Promise<(Buffer | null)[]>
  close(): Promise<void>
}
