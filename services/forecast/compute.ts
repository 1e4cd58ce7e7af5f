import type { Logger } from 'pino'
import { computeFeatures, featureLags, inService } from '../domain/features.ts'
import {
  type Forecast,
  type HorizonForecast,
  horizonForecast,
  judgeFreshness,
  validUntil,
} from '../domain/forecast.ts'
import { SOURCES, type Source } from '../domain/poll.ts'
import { emptyRing, RING_BYTES, readWindow, type Window } from '../domain/ring.ts'
import { readSlot, type Slot } from '../domain/slot.ts'
import type { StationFacts } from '../domain/station-window.ts'
import { SLOT_BYTES, type WindowUpdate } from '../domain/window.ts'
import { hasCode, VelocastError } from '../platform/errors.ts'
import type { LookUp, SystemLookUp } from '../platform/look-up-store/port.ts'
import { type DirectPack, type ModelPack, rowOf } from '../platform/onnx/pack.ts'
import type { WindowStore } from '../platform/window-store/port.ts'
import type { ForecastMetrics } from './metrics.ts'

/** What one window update gives. Functions of the update, the windows up to its bin and the packs in force. */
export interface ComputedUpdate {
  update: WindowUpdate
  source: Source
  forecasts: Forecast[]
  rows: LookUp[]
  system: Omit<SystemLookUp, 'sequence'>
  valid_until: number
}

export interface ComputeOptions {
  update: WindowUpdate
  /** Horizon in minutes → pack in force at the update's bin. */
  packs: ReadonlyMap<number, ModelPack>
  horizons: readonly number[]
  windows: Pick<WindowStore, 'read'>
  metrics: ForecastMetrics
  logger: Logger
  stale_minutes: number
  withhold_minutes: number
}

interface Station {
  id: string
  slot: Slot & { bikes: number }
  facts: StationFacts
  window: Window
  horizons: HorizonForecast[]
}

const NOTHING = emptyRing()

/**
 * Forecasts of every station of an update, one batch a horizon. Slot T is the update's own; older ones come from the
 * store, and only where a pack's features ask for them. Throws `window_overrun` when a needed slot was replaced by a
 * newer one: nothing is then computed.
 */
export async function computeUpdate(options: ComputeOptions): Promise<ComputedUpdate> {
  const { update, metrics, horizons, stale_minutes, withhold_minutes } = options
  const { ts_utc, fetched_utc } = update
  const freshness = judgeFreshness({ ts_utc, fetched_utc, stale_minutes, withhold_minutes })
  const source = SOURCES.find((known) => known === update.source) ?? 'live'
  const slots = update.station_ids.map((_, place) => readSlot(update.slots, place * SLOT_BYTES))
  metrics.without.inc({ reason: 'no_observation' }, slots.filter((slot) => slot === null).length)

  const stations = freshness === 'withheld' ? [] : await readStations(options, slots)
  const versions: Record<string, string> = {}
  for (const horizon of horizons) {
    const pack = options.packs.get(horizon)
    if (pack === undefined) metrics.without.inc({ reason: 'no_model' }, stations.length)
    if (pack === undefined || pack.kind !== 'direct' || freshness === 'withheld') continue
    if (await predict(stations, horizon, pack, options)) versions[horizon] = pack.version
  }

  const valid_until = validUntil({ ts_utc, withhold_minutes })
  const forecasts = stations
    .filter((station) => station.horizons.length > 0)
    .map((station): Forecast => {
      const { slot } = station
      return {
        system: update.system,
        station_id: station.id,
        poll_id: update.poll_id,
        tbin_utc: update.tbin_utc,
        ts_utc: slot.ts_utc,
        predicted_utc: fetched_utc,
        valid_until,
        stale: freshness === 'stale',
        bikes: slot.bikes,
        docks: slot.docks,
        capacity: slot.capacity,
        horizons: station.horizons,
      }
    })
  const rows = lookUpRows(update, slots, forecasts)
  metrics.updates.inc({ result: freshness })
  if (freshness === 'withheld') metrics.without.inc({ reason: 'withheld' }, rows.length)
  return {
    update,
    source,
    forecasts,
    rows,
    valid_until,
    system: {
      system: update.system,
      source,
      poll_id: update.poll_id,
      outcome: update.outcome,
      tbin_utc: update.tbin_utc,
      ts_utc,
      fetched_utc,
      stations: rows.length,
      stale: freshness !== 'fresh',
      withheld: freshness === 'withheld',
      horizons: [...horizons],
      model_versions: versions,
    },
  }
}

async function readStations(options: ComputeOptions, slots: (Slot | null)[]): Promise<Station[]> {
  const { update, metrics } = options
  const lags = featureLags(
    [...options.packs.values()].flatMap(({ manifest }) => manifest.features.names),
  ).filter((lag) => lag > 0)
  const places = slots.flatMap((slot, place) => (slot === null || slot.bikes === null ? [] : [place]))
  metrics.without.inc(
    { reason: 'bikes_unknown' },
    slots.filter((slot) => slot !== null && slot.bikes === null).length,
  )
  const ids = places.map((place) => update.station_ids[place]!)
  const stored = lags.length === 0 ? [] : await options.windows.read(update.system, ids)
  return places.map((place, row) => {
    const slot = slots[place] as Slot & { bikes: number }
    const value = stored[row]
    if (lags.length > 0 && value == null) metrics.windowsMissing.inc()
    const ring = value == null || value.length < RING_BYTES ? NOTHING : value
    const { window, overrun } = readWindow({ ring, tbin: update.tbin_utc, current: slot, lags })
    if (overrun.length > 0) throw overrunError(update, overrun)
    const facts = {
      name: update.names[place] ?? null,
      lat: update.lats[place] ?? null,
      lon: update.lons[place] ?? null,
    }
    return { id: ids[row]!, slot, facts, window, horizons: [] }
  })
}

/** Adds a horizon to every station; false when the model failed on this batch: the other horizons go on. */
async function predict(
  stations: Station[],
  horizon: number,
  pack: DirectPack,
  { metrics, logger }: ComputeOptions,
): Promise<boolean> {
  if (stations.length === 0) return true
  const { names } = pack.manifest.features
  const features = new Float32Array(stations.length * names.length)
  stations.forEach(({ window, facts }, row) => {
    features.set(computeFeatures({ window, station: facts, names }), row * names.length)
  })
  const predicted = await pack.predict(features, stations.length).catch((error: unknown) => {
    if (!hasCode(error, 'model_pack_invalid')) throw error
    logger.error({ err: error, horizon, version: pack.version }, 'forecast: model failed')
    return null
  })
  if (predicted === null) {
    metrics.without.inc({ reason: 'model_failed' }, stations.length)
    return false
  }
  const { output, milliseconds } = predicted
  metrics.inference.observe({ horizon }, milliseconds / 1000)
  stations.forEach((station, row) => {
    const forecast = horizonForecast({
      horizon_min: horizon,
      slot: station.slot,
      output: rowOf(output, row),
      model_version: pack.version,
    })
    if (forecast === null) metrics.without.inc({ reason: 'not_finite' })
    else station.horizons.push(forecast)
  })
  return true
}

function lookUpRows(update: WindowUpdate, slots: (Slot | null)[], forecasts: Forecast[]): LookUp[] {
  const byStation = new Map(forecasts.map((forecast) => [forecast.station_id, forecast]))
  return slots.flatMap((slot, place) => {
    if (slot === null) return []
    const stationId = update.station_ids[place]!
    return [
      {
        forecast: byStation.get(stationId) ?? null,
        system: update.system,
        station_id: stationId,
        name: update.names[place] ?? null,
        lat: update.lats[place] ?? null,
        lon: update.lons[place] ?? null,
        capacity: slot.capacity,
        bikes: slot.bikes,
        docks: slot.docks,
        mechanical: slot.mechanical ?? 0,
        ebike: slot.ebike ?? 0,
        in_service: inService(slot),
        ts_utc: slot.ts_utc,
        tbin_utc: update.tbin_utc,
      },
    ]
  })
}

function overrunError(update: WindowUpdate, overrun: number[]): VelocastError {
  const bins = overrun.map((bin) => new Date(bin).toISOString())
  return new VelocastError({
    code: 'window_overrun',
    message: `window of ${update.system} at ${new Date(update.tbin_utc).toISOString()} was overrun: the forecast service lags more than 24 bins behind, add members or wait; first bin lost ${bins.at(-1)}`,
    data: { system: update.system, poll_id: update.poll_id, tbin_utc: update.tbin_utc, overrun: bins },
  })
}
