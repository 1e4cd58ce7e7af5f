import { BIN_MS } from './bin.ts'
import type { Observation } from './observation.ts'
import { ringIndex, slotOf } from './ring.ts'
import { fitsSlot, slotBinNumber, slotTime } from './slot.ts'
import {
  emptyStation,
  mergeObservation,
  mergeStation,
  packStation,
  readStation,
  type StationWindow,
} from './station-window.ts'
import { RING_SLOTS, SLOT_BYTES, WINDOW_BINS, type WindowUpdate } from './window.ts'

/** A slot to write in place: see `WindowStore.write`. */
interface ChangedSlot {
  stationId: string
  index: number
  slot: Buffer
}

/** What a poll changed. `slots` has at least one entry for each listed station; `rewritten` need their whole value. */
export interface PollMerge {
  slots: ChangedSlot[]
  rewritten: Set<string>
  /** Observations whose event time no slot can hold. */
  unfit: number
}

/**
 * The windows of one system, in memory: a function of the observations merged, whatever their order. Holds about
 * 3.7 kB a station, of the stations seen in the last 73 bins.
 */
export class SystemWindow {
  readonly system: string
  readonly #stations = new Map<string, StationWindow>()
  #newestBin: number | null = null

  constructor(system: string) {
    this.system = system
  }

  /** Bin T: the newest of all stations, epoch ms; null before the first observation. */
  get newestBin(): number | null {
    return this.#newestBin
  }

  get size(): number {
    return this.#stations.size
  }

  /** Merges stored values (`packStation`). Values too short to be a ring are left out. */
  load(packed: Map<string, Buffer>): void {
    for (const [stationId, bytes] of packed) {
      const stored = readStation(bytes)
      if (stored === null) continue
      const station = this.#stations.get(stationId) ?? emptyStation()
      mergeStation(station, stored)
      this.#settle(stationId, station)
    }
    this.#forget()
  }

  /** Merges a poll's observations and gives what to write. Without observations the newest slots are given again. */
  merge(observations: readonly Observation[]): PollMerge {
    const slots: ChangedSlot[] = []
    const rewritten = new Set<string>()
    const touched = new Set<string>()
    let unfit = 0
    for (const observation of observations) {
      if (!fitsSlot(observation.ts_utc)) {
        unfit += 1
        continue
      }
      const stationId = observation.station_id
      const station = this.#stations.get(stationId) ?? emptyStation()
      const merged = mergeObservation(station, observation)
      this.#settle(stationId, station)
      if (merged.factsChanged) rewritten.add(stationId)
      if (!merged.slotChanged) continue
      touched.add(stationId)
      const index = slotBinNumber(merged.slot) % RING_SLOTS
      slots.push({ stationId, index, slot: merged.slot })
    }
    this.#forget()
    for (const stationId of this.listed()) {
      if (touched.has(stationId)) continue
      const { ring, newest } = this.#stations.get(stationId)!
      const index = ringIndex(newest!)
      slots.push({
        stationId,
        index,
        slot: ring.subarray(index * SLOT_BYTES, (index + 1) * SLOT_BYTES),
      })
    }
    return { slots, rewritten, unfit }
  }

  /** Stations with any slot in T−48..T, sorted by id: those that an update speaks of. */
  listed(): string[] {
    const newest = this.#newestBin
    if (newest === null) return []
    const oldest = newest - (WINDOW_BINS - 1) * BIN_MS
    const ids: string[] = []
    for (const [stationId, station] of this.#stations) if (station.newest! >= oldest) ids.push(stationId)
    return ids.sort()
  }

  /** Packed values of the stations asked for (default all); those unknown are left out. */
  packed(stationIds: Iterable<string> = this.#stations.keys()): Map<string, Buffer> {
    const values = new Map<string, Buffer>()
    for (const stationId of stationIds) {
      const station = this.#stations.get(stationId)
      if (station !== undefined) values.set(stationId, packStation(station))
    }
    return values
  }

  /** The update that a poll gives; null while nothing was ever observed. */
  update(poll: Pick<WindowUpdate, 'poll_id' | 'outcome' | 'source' | 'fetched_utc'>): WindowUpdate | null {
    const tbin = this.#newestBin
    if (tbin === null) return null
    const stationIds = this.listed()
    const slots = Buffer.alloc(stationIds.length * SLOT_BYTES)
    const update: WindowUpdate = {
      system: this.system,
      poll_id: poll.poll_id,
      outcome: poll.outcome,
      source: poll.source,
      tbin_utc: tbin,
      ts_utc: tbin,
      fetched_utc: poll.fetched_utc,
      station_ids: stationIds,
      names: [],
      lats: [],
      lons: [],
      slots,
    }
    stationIds.forEach((stationId, place) => {
      const { ring, facts } = this.#stations.get(stationId)!
      update.names.push(facts.name)
      update.lats.push(facts.lat)
      update.lons.push(facts.lon)
      const found = slotOf(ring, tbin)
      if (typeof found === 'string') return
      ring.copy(slots, place * SLOT_BYTES, found.offset, found.offset + SLOT_BYTES)
      update.ts_utc = Math.max(update.ts_utc, slotTime(ring, found.offset))
    })
    return update
  }

  #settle(stationId: string, station: StationWindow): void {
    if (station.newest === null) return
    this.#stations.set(stationId, station)
    this.#newestBin = Math.max(this.#newestBin ?? 0, station.newest)
  }

  #forget(): void {
    const newest = this.#newestBin
    if (newest === null) return
    for (const [stationId, station] of this.#stations) {
      if (station.newest! <= newest - RING_SLOTS * BIN_MS) this.#stations.delete(stationId)
    }
  }
}
