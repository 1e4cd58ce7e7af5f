import { BIN_MS } from '../bin.ts'
import { bikesIn, binIn, binNumber, millisecondsIn, type Slot, slotIn, viewOf } from '../slot.ts'
import { RING_SLOTS, SLOT_BYTES, WINDOW_BINS } from '../window.ts'
import { inService } from './in-service.ts'
import { carryForward, emptyGrid, emptyWeather, NO_COUNT, type StationGrid } from './station-grid.ts'

/** Row of bin T in every window grid. */
export const WINDOW_ROW = WINDOW_BINS - 1

/** What is known of one station at T. */
export interface WindowStation {
  /** Its column in the grid. */
  place: number
  /** Slot T as the update brought it; null without an observation. */
  slot: Slot | null
  /** Ring of the bins before T; null when there is none. */
  ring: Buffer | null
}

/**
 * The bins T−48..T of a system as a grid, T last: what `readRecording` gives for the same observations, but for what no
 * feature reads: docks, kinds, capacity and service of bins that cannot be carried into T. Slot T is the given one, and no ring's slot from
 * T on is read. `overrun` lists the needed bins that newer ones replaced in any ring: then nothing may be computed.
 * 49 × 13 bytes a column: 1 MB for 1,500 stations, about 1 ms.
 */
export function windowGrid(options: {
  /** Bin T, epoch ms on the grid. */
  tbin: number
  /** Columns. */
  stations: number
  known: readonly WindowStation[]
  carryMinutes: number
}): { grid: StationGrid; overrun: number[] } {
  const { tbin, stations, known, carryMinutes } = options
  const grid = emptyGrid({ start: tbin - WINDOW_ROW * BIN_MS, bins: WINDOW_BINS, stations })
  const overrun = new Set<number>()
  const wholeLags = Math.ceil((carryMinutes * 60_000) / BIN_MS)
  for (const { place, slot, ring } of known) {
    if (ring !== null) readPast({ grid, ring, tbin, place, overrun, wholeLags })
    if (slot !== null) setCell(grid, WINDOW_ROW * stations + place, slot)
  }
  setWeather(grid, known)
  if (carryMinutes > 0) carryForward(grid, carryMinutes)
  return { grid, overrun: [...overrun].sort((a, b) => b - a) }
}

function readPast({
  grid,
  ring,
  tbin,
  place,
  overrun,
  wholeLags,
}: {
  grid: StationGrid
  ring: Buffer
  tbin: number
  place: number
  overrun: Set<number>
  /** Up to this lag an observation may be carried into T, and is read whole. */
  wholeLags: number
}): void {
  const view = viewOf(ring)
  const newest = binNumber(tbin)
  for (let lag = 1; lag < WINDOW_BINS; lag += 1) {
    const asked = newest - lag
    const offset = (asked % RING_SLOTS) * SLOT_BYTES
    const found = binIn(view, offset)
    if (found < asked) continue
    if (found > asked) {
      overrun.add(asked * BIN_MS)
      continue
    }
    const bikes = bikesIn(view, offset)
    if (bikes < 0) continue
    const cell = (WINDOW_ROW - lag) * grid.stations + place
    if (lag <= wholeLags) {
      setCell(grid, cell, slotIn(view, offset))
      continue
    }
    grid.bikes[cell] = bikes
    grid.age[cell] = ageOf(millisecondsIn(view, offset))
  }
}

function setCell(grid: StationGrid, cell: number, slot: Slot): void {
  if (slot.bikes === null) return
  grid.bikes[cell] = slot.bikes
  grid.age[cell] = ageOf(slot.ts_utc - slot.tbin_utc)
  grid.docks[cell] = slot.docks ?? NO_COUNT
  grid.mechanical[cell] = slot.mechanical ?? NO_COUNT
  grid.ebike[cell] = slot.ebike ?? NO_COUNT
  grid.capacity[cell] = slot.capacity ?? NO_COUNT
  grid.service[cell] = inService(slot) ? 1 : 0
}

/** Weather of T: that of the newest observation (event time, then fetch time), known or not. */
function setWeather(grid: StationGrid, known: readonly WindowStation[]): void {
  let newest: Slot | null = null
  for (const { slot } of known) {
    if (slot === null || slot.bikes === null) continue
    const later =
      newest === null ||
      slot.ts_utc > newest.ts_utc ||
      (slot.ts_utc === newest.ts_utc && slot.fetched_utc > newest.fetched_utc)
    if (later) newest = slot
  }
  if (newest === null) return
  grid.weather = emptyWeather(grid.bins)
  grid.weather.temp_C[WINDOW_ROW] = newest.temp_C ?? Number.NaN
  grid.weather.precip_mm[WINDOW_ROW] = newest.precip_mm ?? Number.NaN
  grid.weather.wind_mps[WINDOW_ROW] = newest.wind_mps ?? Number.NaN
}

/** Seconds to the end of the bin, from the milliseconds into it. */
function ageOf(into: number): number {
  return Math.max(1, Math.ceil((BIN_MS - into) / 1000))
}
