import { BIN_MS } from './bin.ts'
import { binIn, binNumber, compareSlots, type Slot, slotBinNumber, slotIn, viewOf } from './slot.ts'
import { RING_SLOTS, SLOT_BYTES, WINDOW_BINS } from './window.ts'

/** Bytes of one station's ring. */
export const RING_BYTES = RING_SLOTS * SLOT_BYTES

/** A ring with every slot empty. */
export function emptyRing(): Buffer {
  return Buffer.alloc(RING_BYTES)
}

/** Place of a bin (epoch ms, on the grid) in every ring. */
export function ringIndex(tbin: number): number {
  return binNumber(tbin) % RING_SLOTS
}

/**
 * Puts the slot at its place when it is greater than what is there, and says whether it was. A ring is thus the
 * place-wise greatest of all slots ever merged: any order, any repetition gives the same bytes, and an older bin never
 * replaces a newer one. An empty slot changes nothing.
 */
export function mergeSlot(ring: Buffer, slot: Buffer, offset = 0): boolean {
  const number = slotBinNumber(slot, offset)
  if (number === 0) return false
  const at = (number % RING_SLOTS) * SLOT_BYTES
  if (compareSlots(slot, offset, ring, at) <= 0) return false
  slot.copy(ring, at, offset, offset + SLOT_BYTES)
  return true
}

/** Merges every slot of `other` into `ring`; says whether anything changed. */
export function mergeRing(ring: Buffer, other: Buffer): boolean {
  let changed = false
  for (let offset = 0; offset < RING_BYTES; offset += SLOT_BYTES) {
    if (mergeSlot(ring, other, offset)) changed = true
  }
  return changed
}

/** Newest bin of a ring, epoch ms; null when every slot is empty. */
export function newestBin(ring: Buffer): number | null {
  let newest = 0
  for (let offset = 0; offset < RING_BYTES; offset += SLOT_BYTES) {
    newest = Math.max(newest, slotBinNumber(ring, offset))
  }
  return newest === 0 ? null : newest * BIN_MS
}

/** The slot of bin `tbin`: there, missing (nothing or an older bin is there), or overrun by a newer bin. */
export function slotOf(ring: Buffer, tbin: number): { offset: number } | 'missing' | 'overrun' {
  const asked = binNumber(tbin)
  const offset = ringIndex(tbin) * SLOT_BYTES
  const found = slotBinNumber(ring, offset)
  if (found === asked) return { offset }
  return found > asked ? 'overrun' : 'missing'
}

/** A station's past as a forecast for bin T may see it: `slots[lag]` is bin T − lag, null where nothing is known. */
export interface Window {
  tbin_utc: number
  slots: (Slot | null)[]
}

export interface ReadWindowOptions {
  ring: Buffer
  /** Bin T, epoch ms on the grid. */
  tbin: number
  /** Slot T where it came by another way (a window update); the ring's own slot T is then not read. */
  current?: Slot | null
  /** Lags to read, in bins; the others stay null. Default all of 0..48. */
  lags?: readonly number[]
}

const ALL_LAGS = Array.from({ length: WINDOW_BINS }, (_, lag) => lag)

/**
 * Reads bins T−48..T, never one after T. `overrun` lists the needed bins that newer ones have replaced: the reader
 * lags too far behind and must refuse (`window_overrun`), for a past with holes is not the past.
 */
export function readWindow({ ring, tbin, current, lags = ALL_LAGS }: ReadWindowOptions): {
  window: Window
  overrun: number[]
} {
  const slots: (Slot | null)[] = new Array(WINDOW_BINS).fill(null)
  const overrun: number[] = []
  const view = viewOf(ring)
  const newest = binNumber(tbin)
  for (const lag of lags) {
    if (lag === 0 && current !== undefined) continue
    const asked = newest - lag
    const offset = (asked % RING_SLOTS) * SLOT_BYTES
    const found = binIn(view, offset)
    if (found === asked) slots[lag] = slotIn(view, offset)
    else if (found > asked) overrun.push(asked * BIN_MS)
  }
  if (current !== undefined) slots[0] = current
  return { window: { tbin_utc: tbin, slots }, overrun }
}
