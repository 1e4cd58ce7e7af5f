import { BIN_MS } from './bin.ts'
import type { Observation } from './observation.ts'
import { ringIndex, slotOf } from './ring.ts'
import { fitsSlot, slotTime } from './slot.ts'
import { SlotTable } from './slot-table.ts'
import {
  emptyStation,
  mergeObservation,
  mergeStation,
  packStation,
  readStation,
  type StationWindow,
} from './station-window.ts'
import { RING_SLOTS, SLOT_BYTES, type SlotWrites, WINDOW_BINS, type WindowUpdate } from './window.ts'

/** What a poll changed: at least one slot of each listed station; `rewritten` need their whole value. */
export interface PollMerge {
  writes: SlotWrites
  rewritten: Set<string>
  /** Observations whose event time no slot can hold. */
  unfit: number
}

/** A station's window and the number of the last merge that changed a slot of it. */
interface OwnStation extends StationWindow {
  mergedIn: number
}

/**
 * The windows of one system, in memory: a function of the observations merged, whatever their order. Holds about
 * 3.7 kB a station, of the stations seen in the last 73 bins.
 */
export class SystemWindow {
  readonly system: string
  readonly #stations = new Map<string, OwnStation>()
  /** Ids in order; null once a station came or went. */
  #sorted: string[] | null = null
  #newestBin: number | null = null
  #merges = 0

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
      const station = this.#stations.get(stationId) ?? { ...emptyStation(), mergedIn: 0 }
      mergeStation(station, stored)
      this.#settle(stationId, station)
    }
    this.#forget()
  }

  /** Merges a poll's observations and gives what to write. Without observations the newest slots are given again. */
  merge(observations: readonly Observation[]): PollMerge {
    this.#merges += 1
    const rewritten = new Set<string>()
    const writes = new SlotTable(observations.length + this.#stations.size)
    let unfit = 0
    for (const observation of observations) {
      if (!fitsSlot(observation.ts_utc)) {
        unfit += 1
        continue
      }
      const stationId = observation.station_id
      const station = this.#stations.get(stationId) ?? { ...emptyStation(), mergedIn: 0 }
      const offset = writes.pack(observation)
      const { slotChanged, factsChanged } = mergeObservation(station, observation, writes.bytes, offset)
      this.#settle(stationId, station)
      if (factsChanged) rewritten.add(stationId)
      if (!slotChanged) continue
      station.mergedIn = this.#merges
      writes.keep(stationId)
    }
    this.#forget()
    for (const stationId of this.listed()) {
      const { ring, newest, mergedIn } = this.#stations.get(stationId)!
      if (mergedIn !== this.#merges) writes.copy(stationId, ring, ringIndex(newest!) * SLOT_BYTES)
    }
    return { writes: writes.writes(), rewritten, unfit }
  }

  /** Stations with any slot in T−48..T, sorted by id: those that an update speaks of. */
  listed(): string[] {
    const newest = this.#newestBin
    if (newest === null) return []
    const oldest = newest - (WINDOW_BINS - 1) * BIN_MS
    this.#sorted ??= [...this.#stations.keys()].sort()
    return this.#sorted.filter((stationId) => this.#stations.get(stationId)!.newest! >= oldest)
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

  #settle(stationId: string, station: OwnStation): void {
    if (station.newest === null) return
    if (!this.#stations.has(stationId)) {
      this.#stations.set(stationId, station)
      this.#sorted = null
    }
    if (this.#newestBin === null || station.newest > this.#newestBin) this.#newestBin = station.newest
  }

  #forget(): void {
    const newest = this.#newestBin
    if (newest === null) return
    for (const [stationId, station] of this.#stations) {
      if (station.newest! > newest - RING_SLOTS * BIN_MS) continue
      this.#stations.delete(stationId)
      this.#sorted = null
    }
  }
}
