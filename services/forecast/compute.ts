import type { Logger } from 'pino'
import {
  type Forecast,
  type ForecastInputs,
  type HorizonForecast,
  judgeFreshness,
  validUntil,
} from '../domain/forecast.ts'
import { inService } from '../domain/forecasting/in-service.ts'
import { SOURCES, type Source } from '../domain/poll.ts'
import { isSampled } from '../domain/sampling.ts'
import { readSlot, type Slot } from '../domain/slot.ts'
import { SLOT_BYTES, type WindowUpdate } from '../domain/window.ts'
import { hasCode } from '../platform/errors.ts'
import type { LookUp, SystemLookUp } from '../platform/look-up-store/port.ts'
import type { ModelPack } from '../platform/onnx/pack.ts'
import type { WindowStore } from '../platform/window-store/port.ts'
import { directBatch } from './direct-batch.ts'
import type { ForecastMetrics } from './metrics.ts'
import { isKnown, type KnownStation, readStations, type Station } from './stations.ts'
import { trainedBatch, UpdateWindows } from './trained-batch.ts'

/** What one window update gives. Functions of the update, the windows up to its bin and the packs in force. */
export interface ComputedUpdate {
  update: WindowUpdate
  source: Source
  forecasts: Forecast[]
  /** Station → what its models were given, of the sampled stations. */
  inputs: ReadonlyMap<string, ForecastInputs[]>
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
  /** Share of the stations whose records carry the models' inputs. */
  sample_share: number
}

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

  const { windows } = options
  const packs = freshness === 'withheld' ? new Map<number, ModelPack>() : options.packs
  const all = freshness === 'withheld' ? [] : await readStations({ update, slots, packs, windows, metrics })
  metrics.without.inc(
    { reason: 'bikes_unknown' },
    all.filter(({ slot }) => slot !== null && slot.bikes === null).length,
  )
  const stations = all.filter(isKnown)
  const { versions, horizons: predicted, inputs } = await predictAll(all, stations, { ...options, packs })
  const valid_until = validUntil({ ts_utc, withhold_minutes })
  const forecasts = stations.flatMap((station, row): Forecast[] => {
    const given = predicted.flatMap((rows) => rows[row] ?? [])
    if (given.length === 0) return []
    const { slot } = station
    return [
      {
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
        horizons: given,
      },
    ]
  })
  const rows = lookUpRows(update, slots, forecasts)
  metrics.updates.inc({ result: freshness })
  if (freshness === 'withheld') metrics.without.inc({ reason: 'withheld' }, rows.length)
  return {
    update,
    source,
    forecasts,
    inputs,
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

/** Every horizon that has a pack: features of one while the model of another runs in its thread. */
async function predictAll(
  all: readonly Station[],
  stations: readonly KnownStation[],
  options: ComputeOptions,
): Promise<{
  versions: Record<string, string>
  horizons: (HorizonForecast | null)[][]
  inputs: Map<string, ForecastInputs[]>
}> {
  const { update, metrics, packs } = options
  const versions: Record<string, string> = {}
  const inputs = new Map<string, ForecastInputs[]>()
  const windows = new UpdateWindows(update, all)
  const { system } = update
  const sampled = new Set(
    stations.flatMap(({ id }) =>
      isSampled({ system, station_id: id, share: options.sample_share }) ? [id] : [],
    ),
  )
  const predicted = await Promise.all(
    options.horizons.map((horizon) => {
      const pack = packs.get(horizon)
      if (pack === undefined) metrics.without.inc({ reason: 'no_model' }, stations.length)
      if (pack === undefined) return null
      return predict(stations, { horizon, pack, windows, sampled }, options)
    }),
  )
  const horizons = predicted.flatMap((given, place) => {
    if (given === null) return []
    const horizon = options.horizons[place]!
    versions[horizon] = packs.get(horizon)!.version
    const without = given.rows.filter((row) => row === null).length
    if (without > 0) metrics.without.inc({ reason: 'not_finite' }, without)
    for (const [id, own] of given.inputs) inputs.set(id, [...(inputs.get(id) ?? []), own])
    return [given.rows]
  })
  return { versions, horizons, inputs }
}

/** One horizon of all stations, its features computed, ready to be run. */
export interface HorizonBatch {
  /** The models' input, row after row; handed over by `forecasts`. */
  values: Float32Array
  width: number
  /** A row is null where the model gives no finite number. Throws `model_pack_invalid` when the model fails. */
  forecasts(): Promise<{ rows: (HorizonForecast | null)[]; milliseconds: number }>
}

/** Forecasts of one horizon, row by row; null when the model failed on this batch: the other horizons go on. */
async function predict(
  stations: readonly KnownStation[],
  given: { horizon: number; pack: ModelPack; windows: UpdateWindows; sampled: ReadonlySet<string> },
  { update, metrics, logger }: ComputeOptions,
): Promise<{ rows: (HorizonForecast | null)[]; inputs: Map<string, ForecastInputs> } | null> {
  const { horizon, pack, windows, sampled } = given
  const inputs = new Map<string, ForecastInputs>()
  if (stations.length === 0) return { rows: [], inputs }
  const batch =
    pack.kind === 'direct'
      ? directBatch({ update, stations, horizon, pack })
      : trainedBatch({ update, windows, stations, horizon, pack })
  const { set, hash } = pack.manifest.features
  stations.forEach(({ id }, row) => {
    if (!sampled.has(id)) return
    inputs.set(id, {
      horizon_min: horizon,
      model_version: pack.version,
      feature_set: set,
      features_hash: hash,
      values: [...batch.values.subarray(row * batch.width, (row + 1) * batch.width)],
    })
  })
  const predicted = await batch.forecasts().catch((error: unknown) => {
    if (!hasCode(error, 'model_pack_invalid')) throw error
    logger.error({ err: error, horizon, version: pack.version }, 'forecast: model failed')
    return null
  })
  if (predicted === null) {
    metrics.without.inc({ reason: 'model_failed' }, stations.length)
    return null
  }
  metrics.inference.observe({ horizon }, predicted.milliseconds / 1000)
  return { rows: predicted.rows, inputs }
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
