import { type Clock, systemClock } from '../clock.ts'
import type { LookUp, LookUpStore, SystemLookUp } from './port.ts'

interface Kept<Value> {
  value: Value
  /** Epoch ms by the clock: a time to live, no event time. */
  until: number
}

interface SystemState {
  meta: Kept<SystemLookUp>
  stations: Map<string, Kept<LookUp>>
}

/**
 * Look-ups in this process, read over HTTP. Holds the rows as published, about 2 kB a station, until their time to live
 * has passed; what has passed is dropped at the next publish. Rows are shared, not copied: nobody changes them.
 */
export function openMemoryLookUpStore({ clock = systemClock }: { clock?: Clock } = {}): LookUpStore {
  const systems = new Map<string, SystemState>()
  const live = <Value>(kept: Kept<Value> | undefined): Value | null =>
    kept !== undefined && kept.until > clock.now() ? kept.value : null
  const system = (id: string): SystemLookUp | null => live(systems.get(id)?.meta)

  return {
    async publish({ system: published, rows, ttlSeconds }) {
      const until = clock.now() + ttlSeconds * 1000
      const state = systems.get(published.system)
      const newest = live(state?.meta)
      if (newest !== null && isNewer(newest, published)) return false
      const stations = state?.stations ?? new Map<string, Kept<LookUp>>()
      for (const [stationId, kept] of stations) if (kept.until <= clock.now()) stations.delete(stationId)
      for (const row of rows) stations.set(row.station_id, { value: row, until })
      const sequence = (state?.meta.value.sequence ?? 0) + 1
      systems.set(published.system, { meta: { value: { ...published, sequence }, until }, stations })
      return true
    },
    async systems() {
      return [...systems.keys()].sort().flatMap((id) => system(id) ?? [])
    },
    async system(id) {
      return system(id)
    },
    async station(id, stationId) {
      return live(systems.get(id)?.stations.get(stationId))
    },
    async stations(id) {
      const kept = systems.get(id)?.stations ?? new Map<string, Kept<LookUp>>()
      return [...kept.keys()].sort().flatMap((stationId) => live(kept.get(stationId)) ?? [])
    },
    async close() {},
  }
}

/** True when `a` is newer than `b` by (bin, fetch time). */
function isNewer(
  a: { tbin_utc: number; fetched_utc: number },
  b: { tbin_utc: number; fetched_utc: number },
): boolean {
  return a.tbin_utc !== b.tbin_utc ? a.tbin_utc > b.tbin_utc : a.fetched_utc > b.fetched_utc
}
