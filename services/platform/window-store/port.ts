/** One slot to write: `slot` has SLOT_BYTES bytes and carries its own bin. */
export interface SlotWrite {
  stationId: string
  /** Position in the ring, 0..RING_SLOTS-1. */
  index: number
  slot: Buffer
}

/**
 * Rolling windows of a system's stations, one packed ring (RING_SLOTS × SLOT_BYTES bytes) a station.
 * Every write carries the owner's epoch; a stale owner is refused with `window_stale_epoch` and changes nothing.
 * Throws `window_store_unreachable` (retryable).
 */
export interface WindowStore {
  /** Makes the caller the owner of the system's windows: gives an epoch greater than every one given before. */
  claim(system: string): Promise<number>
  /** Every ring of the system; empty when there is none (never written, emptied or expired). */
  load(system: string): Promise<Map<string, Buffer>>
  /**
   * Writes slots in place in one atomic step and refreshes every time to live. Gives the stations whose ring was
   * absent: nothing was written for those, `restore` them whole.
   */
  write(options: {
    system: string
    epoch: number
    newestBin: number
    slots: SlotWrite[]
  }): Promise<{ missing: string[] }>
  /** Writes whole rings. */
  restore(options: {
    system: string
    epoch: number
    newestBin: number
    rings: Map<string, Buffer>
  }): Promise<void>
  /** Rings in the order asked for, null where there is none. */
  read(system: string, stationIds: string[]): Promise<(Buffer | null)[]>
  close(): Promise<void>
}
