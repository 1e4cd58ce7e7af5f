import { featureLags } from '../domain/features.ts'
import { RING_BYTES, readWindow, type Window } from '../domain/ring.ts'
import type { Slot } from '../domain/slot.ts'
import type { WindowUpdate } from '../domain/window.ts'
import { VelocastError } from '../platform/errors.ts'
import type { ModelPack } from '../platform/onnx/pack.ts'
import type { WindowStore } from '../platform/window-store/port.ts'
import type { ForecastMetrics } from './metrics.ts'

/** A station of an update as its forecast sees it. */
export interface Station {
  id: string
  lat: number | null
  lon: number | null
  name: string | null
  /** Slot T, null without an observation. */
  slot: Slot | null
  /** Its ring of the bins before T; null when it was not needed or not there. */
  ring: Buffer | null
}
/** A station that can be forecast: bikes at T are known. */
export type KnownStation = Station & { slot: Slot & { bikes: number } }

export function isKnown(station: Station): station is KnownStation {
  return station.slot !== null && station.slot.bikes !== null
}

/**
 * The stations of an update, in its order, with the rings that the packs ask for: those of every station for a trained
 * pack (neighbours speak for each other), those of stations to forecast for lags, none for persistence.
 */
export async function readStations({
  update,
  slots,
  packs,
  windows,
  metrics,
}: {
  update: WindowUpdate
  slots: readonly (Slot | null)[]
  packs: ReadonlyMap<number, ModelPack>
  windows: Pick<WindowStore, 'read'>
  metrics: Pick<ForecastMetrics, 'windowsMissing'>
}): Promise<Station[]> {
  const stations = update.station_ids.map(
    (id, place): Station => ({
      id,
      lat: update.lats[place] ?? null,
      lon: update.lons[place] ?? null,
      name: update.names[place] ?? null,
      slot: slots[place] ?? null,
      ring: null,
    }),
  )
  const all = [...packs.values()]
  const trained = all.some(({ kind }) => kind === 'trained')
  const asked = trained ? stations : directLags(all).length > 0 ? stations.filter(isKnown) : []
  if (asked.length === 0) return stations
  const stored = await windows.read(
    update.system,
    asked.map(({ id }) => id),
  )
  asked.forEach((station, row) => {
    const value = stored[row]
    if (value != null && value.length >= RING_BYTES) station.ring = value
    if (value == null) metrics.windowsMissing.inc()
  })
  return stations
}

/** Lags before T that the direct packs read. */
export function directLags(packs: readonly ModelPack[]): number[] {
  const names = packs.flatMap(({ kind, manifest }) => (kind === 'direct' ? manifest.features.names : []))
  return featureLags(names).filter((lag) => lag > 0)
}

/** A station's window of the asked lags. Throws `window_overrun`. */
export function windowOf({
  update,
  station,
  lags,
  empty,
}: {
  update: WindowUpdate
  station: KnownStation
  lags: readonly number[]
  /** Stands for a ring that is not there. */
  empty: Buffer
}): Window {
  const { window, overrun } = readWindow({
    ring: station.ring ?? empty,
    tbin: update.tbin_utc,
    current: station.slot,
    lags,
  })
  assertNoOverrun(update, overrun)
  return window
}

/** Throws `window_overrun` when any needed bin was replaced by a newer one; `overrun` are those bins, newest first. */
export function assertNoOverrun(update: WindowUpdate, overrun: readonly number[]): void {
  if (overrun.length === 0) return
  const bins = overrun.map((bin) => new Date(bin).toISOString())
  throw new VelocastError({
    code: 'window_overrun',
    message: `window of ${update.system} at ${new Date(update.tbin_utc).toISOString()} was overrun: the forecast service lags more than 24 bins behind, add members or wait; first bin lost ${bins.at(-1)}`,
    data: { system: update.system, poll_id: update.poll_id, tbin_utc: update.tbin_utc, overrun: bins },
  })
}
