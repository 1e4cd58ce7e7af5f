import { floorBin } from './bin.ts'
import type { Observation } from './observation.ts'
import { emptyRing, mergeRing, mergeSlot, newestBin, RING_BYTES, ringIndex } from './ring.ts'
import { compareSlots, packSlot } from './slot.ts'
import { SLOT_BYTES } from './window.ts'

/** What the newest observation of a station says of it apart from its counts. Degrees, WGS 84. */
export interface StationFacts {
  name: string | null
  lat: number | null
  lon: number | null
}

/** One station's ring and facts: as bytes, RING_BYTES of ring, then the facts. */
export interface StationWindow {
  ring: Buffer
  facts: StationFacts
  /** Newest bin of the ring, epoch ms; null when it is empty. */
  newest: number | null
}

const NAMED = 1
const FACTS_BYTES = 17

/** The facts' bytes, after the ring: u8 (bit 0: named), f64 lat, f64 lon (NaN when unknown), the name in UTF-8. */
function packFacts({ name, lat, lon }: StationFacts): Buffer {
  const text = Buffer.from(name ?? '', 'utf8')
  const bytes = Buffer.alloc(FACTS_BYTES + text.length)
  bytes.writeUInt8(name === null ? 0 : NAMED, 0)
  bytes.writeDoubleLE(lat ?? Number.NaN, 1)
  bytes.writeDoubleLE(lon ?? Number.NaN, 9)
  text.copy(bytes, FACTS_BYTES)
  return bytes
}

/** The whole packed value of a station: what a window store holds. */
export function packStation({ ring, facts }: Pick<StationWindow, 'ring' | 'facts'>): Buffer {
  return Buffer.concat([ring, packFacts(facts)])
}

/** Reads a packed value (or a bare ring, whose facts are unknown). Copies the ring. Null when it is too short. */
export function readStation(packed: Buffer): StationWindow | null {
  if (packed.length < RING_BYTES) return null
  const ring = Buffer.from(packed.subarray(0, RING_BYTES))
  const newest = newestBin(ring)
  const facts = packed.subarray(RING_BYTES)
  if (facts.length < FACTS_BYTES) return { ring, facts: { name: null, lat: null, lon: null }, newest }
  const degrees = (offset: number): number | null => {
    const value = facts.readDoubleLE(offset)
    return Number.isNaN(value) ? null : value
  }
  const named = (facts.readUInt8(0) & NAMED) !== 0
  return {
    ring,
    newest,
    facts: {
      name: named ? facts.toString('utf8', FACTS_BYTES) : null,
      lat: degrees(1),
      lon: degrees(9),
    },
  }
}

export function emptyStation(): StationWindow {
  return { ring: emptyRing(), facts: { name: null, lat: null, lon: null }, newest: null }
}

/** What a merge changed: the slot's bytes in the ring, the facts, both or neither. */
export interface StationMerge {
  slotChanged: boolean
  factsChanged: boolean
}

/**
 * Merges an observation whose slot, packed, is at `offset` of `slots`. The facts are those of the greatest observation of
 * the ring (bytes decide a tie), so they too are the same in any order of arrival.
 */
export function mergeObservation(
  station: StationWindow,
  observation: Observation,
  slots: Buffer = packSlot(observation),
  offset = 0,
): StationMerge {
  const { newest } = station
  const order =
    newest === null ? 1 : compareSlots(slots, offset, station.ring, ringIndex(newest) * SLOT_BYTES)
  const slotChanged = mergeSlot(station.ring, slots, offset)
  const tbin = floorBin(observation.ts_utc)
  if (newest === null || tbin > newest) station.newest = tbin
  return { slotChanged, factsChanged: takeFacts(station, observation, order) }
}

/** Merges a stored station into one in memory; says whether anything changed. */
export function mergeStation(station: StationWindow, other: StationWindow): boolean {
  if (other.newest === null) return false
  const theirs = ringIndex(other.newest) * SLOT_BYTES
  const order =
    station.newest === null
      ? 1
      : compareSlots(other.ring, theirs, station.ring, ringIndex(station.newest) * SLOT_BYTES)
  station.newest = Math.max(station.newest ?? 0, other.newest)
  const factsChanged = takeFacts(station, other.facts, order)
  return mergeRing(station.ring, other.ring) || factsChanged
}

function takeFacts(station: StationWindow, given: StationFacts, order: number): boolean {
  if (order < 0) return false
  const { name, lat, lon } = station.facts
  if (name === given.name && Object.is(lat, given.lat) && Object.is(lon, given.lon)) return false
  const facts = { name: given.name, lat: given.lat, lon: given.lon }
  const bytes = packFacts(facts).compare(packFacts(station.facts))
  if (bytes === 0 || (order === 0 && bytes < 0)) return false
  station.facts = facts
  return true
}
