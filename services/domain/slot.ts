import { BIN_MS, floorBin } from './bin.ts'
import { statusOpen } from './forecasting/in-service.ts'
import { contentHash, type Observation } from './observation.ts'
import { SLOT_BYTES } from './window.ts'

/** One station in one bin, as windows keep it. Counts of -1 and NaN weather in the bytes are null here. */
export interface Slot {
  tbin_utc: number
  ts_utc: number
  fetched_utc: number
  /** The first 32 bits of the content hash: the last part of the total order. */
  hash_prefix: number
  bikes: number | null
  docks: number | null
  mechanical: number | null
  ebike: number | null
  bikes_disabled: number | null
  docks_disabled: number | null
  capacity: number | null
  is_installed: boolean
  is_renting: boolean
  is_returning: boolean
  /** `statusOpen`: the status text does not say closed on its own account. */
  status_ok: boolean
  temp_C: number | null
  precip_mm: number | null
  wind_mps: number | null
}

const AT = { bin: 0, ts: 4, fetched: 8, hash: 16, counts: 20, flags: 34, weather: 36 } as const
const FLAG = { installed: 1, renting: 2, returning: 4, ok: 8 } as const
/** Largest count that a slot holds; larger ones are held as this. */
export const LARGEST_COUNT = 32_767
const LARGEST_BIN_NUMBER = 0xffffffff

/** Number of a bin since 1970: what a slot carries and its place in a ring comes from. `tbin` is on the grid. */
export function binNumber(tbin: number): number {
  return tbin / BIN_MS
}

/** True when an event time fits a slot: from 1970-01-01T00:05Z on (bin number 0 marks an empty slot). */
export function fitsSlot(ts: number): boolean {
  const number = Math.floor(ts / BIN_MS)
  return number >= 1 && number <= LARGEST_BIN_NUMBER
}

/** Packs an observation into SLOT_BYTES bytes of its own. Its `ts_utc` must satisfy `fitsSlot`. */
export function packSlot(observation: Observation): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES)
  writeSlot(viewOf(slot), 0, observation)
  return slot
}

/** The bytes as what reads and writes many slots at once: four times as fast as a Buffer's own methods. */
export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Packs an observation into the SLOT_BYTES bytes at `offset`. Its `ts_utc` must satisfy `fitsSlot`. */
export function writeSlot(bytes: DataView, offset: number, observation: Observation): void {
  const tbin = floorBin(observation.ts_utc)
  bytes.setUint32(offset + AT.bin, binNumber(tbin), true)
  bytes.setUint32(offset + AT.ts, Math.trunc(observation.ts_utc - tbin), true)
  bytes.setFloat64(offset + AT.fetched, observation.fetched_utc, true)
  bytes.setUint32(offset + AT.hash, Number.parseInt(contentHash(observation).slice(0, 8), 16), true)
  const count = (place: number, value: number | null): void =>
    bytes.setInt16(offset + AT.counts + 2 * place, value === null ? -1 : Math.min(value, LARGEST_COUNT), true)
  count(0, observation.bikes)
  count(1, observation.docks)
  count(2, observation.mechanical)
  count(3, observation.ebike)
  count(4, observation.bikes_disabled)
  count(5, observation.docks_disabled)
  count(6, observation.capacity)
  bytes.setUint16(
    offset + AT.flags,
    (observation.is_installed ? FLAG.installed : 0) |
      (observation.is_renting ? FLAG.renting : 0) |
      (observation.is_returning ? FLAG.returning : 0) |
      (statusOpen(observation) ? FLAG.ok : 0),
    true,
  )
  bytes.setFloat32(offset + AT.weather, observation.temp_C ?? Number.NaN, true)
  bytes.setFloat32(offset + AT.weather + 4, observation.precip_mm ?? Number.NaN, true)
  bytes.setFloat32(offset + AT.weather + 8, observation.wind_mps ?? Number.NaN, true)
}

/** Bin number of the slot at `offset`; 0 when it is empty. */
export function slotBinNumber(bytes: Buffer, offset = 0): number {
  return bytes.readUInt32LE(offset + AT.bin)
}

/** As `slotBinNumber`. */
export function binIn(bytes: DataView, offset: number): number {
  return bytes.getUint32(offset + AT.bin, true)
}

/** Event time of the slot at `offset`, epoch ms. */
export function slotTime(bytes: Buffer, offset = 0): number {
  return slotBinNumber(bytes, offset) * BIN_MS + bytes.readUInt32LE(offset + AT.ts)
}

/** Milliseconds into its bin of the slot at `offset`. */
export function millisecondsIn(bytes: DataView, offset: number): number {
  return bytes.getUint32(offset + AT.ts, true)
}

/** Bikes of the slot at `offset`, -1 where unknown. */
export function bikesIn(bytes: DataView, offset: number): number {
  return bytes.getInt16(offset + AT.counts, true)
}

/** The slot at `offset`, null when it is empty. */
export function readSlot(bytes: Buffer, offset = 0): Slot | null {
  return slotBinNumber(bytes, offset) === 0 ? null : slotIn(viewOf(bytes), offset)
}

/** The slot at `offset`, which is not empty. */
export function slotIn(bytes: DataView, offset: number): Slot {
  const tbin = binIn(bytes, offset) * BIN_MS
  const flags = bytes.getUint16(offset + AT.flags, true)
  return {
    tbin_utc: tbin,
    ts_utc: tbin + bytes.getUint32(offset + AT.ts, true),
    fetched_utc: bytes.getFloat64(offset + AT.fetched, true),
    hash_prefix: bytes.getUint32(offset + AT.hash, true),
    bikes: countIn(bytes, offset + AT.counts),
    docks: countIn(bytes, offset + AT.counts + 2),
    mechanical: countIn(bytes, offset + AT.counts + 4),
    ebike: countIn(bytes, offset + AT.counts + 6),
    bikes_disabled: countIn(bytes, offset + AT.counts + 8),
    docks_disabled: countIn(bytes, offset + AT.counts + 10),
    capacity: countIn(bytes, offset + AT.counts + 12),
    is_installed: (flags & FLAG.installed) !== 0,
    is_renting: (flags & FLAG.renting) !== 0,
    is_returning: (flags & FLAG.returning) !== 0,
    status_ok: (flags & FLAG.ok) !== 0,
    temp_C: weatherIn(bytes, offset + AT.weather),
    precip_mm: weatherIn(bytes, offset + AT.weather + 4),
    wind_mps: weatherIn(bytes, offset + AT.weather + 8),
  }
}

function countIn(bytes: DataView, offset: number): number | null {
  const count = bytes.getInt16(offset, true)
  return count < 0 ? null : count
}

function weatherIn(bytes: DataView, offset: number): number | null {
  const value = bytes.getFloat32(offset, true)
  return Number.isNaN(value) ? null : value
}

/**
 * Total order of slots: (bin, ts_utc, fetched_utc, hash prefix, remaining bytes); an empty slot is below all others.
 * Agrees with `compareObservations` but for two contents whose hashes share 32 bits in one fetch, where the bytes decide.
 */
export function compareSlots(a: Buffer, aOffset: number, b: Buffer, bOffset: number): number {
  const bins = slotBinNumber(a, aOffset) - slotBinNumber(b, bOffset)
  if (bins !== 0) return bins
  const times = a.readUInt32LE(aOffset + AT.ts) - b.readUInt32LE(bOffset + AT.ts)
  if (times !== 0) return times
  const fetches = a.readDoubleLE(aOffset + AT.fetched) - b.readDoubleLE(bOffset + AT.fetched)
  if (fetches !== 0) return fetches
  const hashes = a.readUInt32LE(aOffset + AT.hash) - b.readUInt32LE(bOffset + AT.hash)
  if (hashes !== 0) return hashes
  return a.compare(b, bOffset, bOffset + SLOT_BYTES, aOffset, aOffset + SLOT_BYTES)
}
