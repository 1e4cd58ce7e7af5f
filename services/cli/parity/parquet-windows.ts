import type { FinalRow } from '../../domain/aggregates/aggregate.ts'
import { BIN_MS, floorBin } from '../../domain/bin.ts'
import { slotOf } from '../../domain/ring.ts'
import { slotBinNumber, slotTime } from '../../domain/slot.ts'
import { emptyStation, mergeObservation, type StationWindow } from '../../domain/station-window.ts'
import { SLOT_BYTES, WINDOW_BINS, type WindowUpdate } from '../../domain/window.ts'

/**
 * The windows of a system as its Parquet rows give them, bin by bin: what the windows service would hold had only the
 * final rows come. One packed ring a station.
 */
export class ParquetWindows {
  readonly #system: string
  readonly #stations = new Map<string, StationWindow>()
  /** Station → fetch times of its rows in the window, by bin. */
  readonly #fetched = new Map<string, Map<number, number>>()

  constructor(system: string) {
    this.#system = system
  }

  /** Adds a bin's rows; bins come in order. */
  add(rows: readonly FinalRow[]): void {
    for (const row of rows) {
      const { station_id } = row
      const station = this.#stations.get(station_id) ?? emptyStation()
      this.#stations.set(station_id, station)
      mergeObservation(station, { ...row, system: this.#system, poll_index: 0, poll_count: 1 })
      const fetched = this.#fetched.get(station_id) ?? new Map<number, number>()
      this.#fetched.set(station_id, fetched)
      const bin = floorBin(row.ts_utc)
      fetched.set(bin, row.fetched_utc)
      for (const old of fetched.keys()) if (old <= bin - WINDOW_BINS * BIN_MS) fetched.delete(old)
    }
  }

  /** Stations with a row of the window T−48..T that was fetched after `predicted`: the forecast cannot have seen it. */
  revisedAfter({ tbin, predicted }: { tbin: number; predicted: number }): Set<string> {
    const oldest = tbin - (WINDOW_BINS - 1) * BIN_MS
    const revised = new Set<string>()
    for (const [station, fetched] of this.#fetched) {
      for (const [bin, utc] of fetched) {
        if (bin >= oldest && bin <= tbin && utc > predicted) revised.add(station)
      }
    }
    return revised
  }

  /** The window update of bin T, as the poll that was fetched at `predicted` would have given it. */
  update({ tbin, poll_id, predicted }: { tbin: number; poll_id: string; predicted: number }): WindowUpdate {
    const ids = [...this.#stations.keys()].filter((id) => this.#isLive(id, tbin)).sort()
    const stations = ids.map((id) => this.#stations.get(id)!)
    const slots = stations.map(({ ring }) => {
      const found = slotOf(ring, tbin)
      return typeof found === 'string'
        ? Buffer.alloc(SLOT_BYTES)
        : ring.subarray(found.offset, found.offset + SLOT_BYTES)
    })
    const times = slots.map((slot) => (slotBinNumber(slot) === 0 ? 0 : slotTime(slot)))
    return {
      system: this.#system,
      poll_id,
      outcome: 'ok',
      source: 'replay',
      tbin_utc: tbin,
      ts_utc: times.reduce((a, b) => Math.max(a, b), tbin),
      fetched_utc: predicted,
      station_ids: ids,
      names: stations.map(({ facts }) => facts.name),
      lats: stations.map(({ facts }) => facts.lat),
      lons: stations.map(({ facts }) => facts.lon),
      slots: Buffer.concat(slots),
    }
  }

  /** As a window store: rings by station. */
  async read(_system: string, stations: readonly string[]): Promise<(Buffer | null)[]> {
    return stations.map((id) => this.#stations.get(id)?.ring ?? null)
  }

  #isLive(id: string, tbin: number): boolean {
    const newest = this.#stations.get(id)!.newest
    return newest !== null && newest > tbin - WINDOW_BINS * BIN_MS
  }
}
