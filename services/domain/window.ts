/** Bins a reader may look back on from T, T included: lag 48 exists (4 hours). */
export const WINDOW_BINS = 49
/** Slots of a ring: the window and 24 bins more, for readers that lag behind the writer. */
export const RING_SLOTS = 73
/** Bytes of one packed slot, little-endian; the layout is in docs/contracts.md. */
export const SLOT_BYTES = 48

/** Slots to write at their places in the rings of their stations: parallel arrays, `slots` packed one after the other. */
export interface SlotWrites {
  stationIds: string[]
  /** Position in the ring, 0..RING_SLOTS-1. */
  indexes: Uint8Array
  /** `stationIds.length` × SLOT_BYTES bytes. */
  slots: Buffer
}

/**
 * What one complete poll did to a system's windows: slot T of every station of the system, ready to forecast from.
 * Record `WindowUpdate`, key system. Arrays run parallel to `station_ids`. Times are epoch ms, UTC.
 * Polls that brought nothing new (`unchanged`, `not_modified`, `failed`) repeat the newest slot with their own
 * `fetched_utc`, so that readers can tell how old it is.
 */
export interface WindowUpdate {
  system: string
  poll_id: string
  outcome: string
  source: string
  /** The bin T: the newest that this poll filled, or the newest before it. */
  tbin_utc: number
  /** Event time of the newest observation in slot T. */
  ts_utc: number
  fetched_utc: number
  station_ids: string[]
  names: (string | null)[]
  lats: (number | null)[]
  lons: (number | null)[]
  /** `station_ids.length` packed slots of SLOT_BYTES. A station without an observation in T has an empty slot. */
  slots: Buffer
}
