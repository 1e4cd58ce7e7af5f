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
const COUNTS = [
  'bikes',
  'docks',
  'mechanical',
  'ebike',
  'bikes_disabled',
  'docks_disabled',
  'capacity',
] as const
const WEATHER = ['temp_C', 'precip_mm', 'wind_mps'] as const
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

/** Packs an observation into SLOT_BYTES bytes. Its `ts_utc` must satisfy `fitsSlot` (else RangeError). */
export function packSlot(observation: Observation): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES)
  const tbin = floorBin(observation.ts_utc)
  slot.writeUInt32LE(binNumber(tbin), AT.bin)
  slot.writeUInt32LE(Math.trunc(observation.ts_utc - tbin), AT.ts)
  slot.writeDoubleLE(observation.fetched_utc, AT.fetched)
  slot.writeUInt32LE(Number.parseInt(contentHash(observation).slice(0, 8), 16), AT.hash)
  COUNTS.forEach((field, place) => {
    const count = observation[field]
    slot.writeInt16LE(count === null ? -1 : Math.min(count, LARGEST_COUNT), AT.counts + 2 * place)
  })
  slot.writeUInt16LE(
    (observation.is_installed ? FLAG.installed : 0) |
      (observation.is_renting ? FLAG.renting : 0) |
      (observation.is_returning ? FLAG.returning : 0) |
      (statusOpen(observation) ? FLAG.ok : 0),
    AT.flags,
  )
  WEATHER.forEach((field, place) => {
    slot.writeFloatLE(observation[field] ?? Number.NaN, AT.weather + 4 * place)
  })
  return slot
}

/** Bin number of the slot at `offset`; 0 when it is empty. */
export function slotBinNumber(bytes: Buffer, offset = 0): number {
  return bytes.readUInt32LE(offset + AT.bin)
}

/** Event time of the slot at `offset`, epoch ms. */
export function slotTime(bytes: Buffer, offset = 0): number {
  return slotBinNumber(bytes, offset) * BIN_MS + bytes.readUInt32LE(offset + AT.ts)
}

/** Bikes of the slot at `offset`, -1 where unknown. */
export function slotBikes(bytes: Buffer, offset = 0): number {
  return bytes.readInt16LE(offset + AT.counts)
}

/** The slot at `offset`, null when it is empty. */
export function readSlot(bytes: Buffer, offset = 0): Slot | null {
  if (slotBinNumber(bytes, offset) === 0) return null
  const count = (place: number): number | null => {
    const value = bytes.readInt16LE(offset + AT.counts + 2 * place)
    return value < 0 ? null : value
  }
  const weather = (place: number): number | null => {
    const value = bytes.readFloatLE(offset + AT.weather + 4 * place)
    return Number.isNaN(value) ? null : value
  }
  const flags = bytes.readUInt16LE(offset + AT.flags)
  return {
    tbin_utc: slotBinNumber(bytes, offset) * BIN_MS,
    ts_utc: slotTime(bytes, offset),
    fetched_utc: bytes.readDoubleLE(offset + AT.fetched),
    hash_prefix: bytes.readUInt32LE(offset + AT.hash),
    bikes: count(0),
    docks: count(1),
    mechanical: count(2),
    ebike: count(3),
    bikes_disabled: count(4),
    docks_disabled: count(5),
    capacity: count(6),
    is_installed: (flags & FLAG.installed) !== 0,
    is_renting: (flags & FLAG.renting) !== 0,
    is_returning: (flags & FLAG.returning) !== 0,
    status_ok: (flags & FLAG.ok) !== 0,
    temp_C: weather(0),
    precip_mm: weather(1),
    wind_mps: weather(2),
  }
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
