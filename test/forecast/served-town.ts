import { pino } from 'pino'
import { Registry } from 'prom-client'
import { floorBin } from '../../services/domain/bin.ts'
import { SystemWindow } from '../../services/domain/system-window.ts'
import { type ComputedUpdate, computeUpdate } from '../../services/forecast/compute.ts'
import { createForecastMetrics } from '../../services/forecast/metrics.ts'
import type { Inference } from '../../services/platform/onnx/inference.ts'
import { loadModelPack, type ModelPack } from '../../services/platform/onnx/pack.ts'
import type { TrainedPack } from '../../services/train/pack.ts'
import { publishPacks } from '../../services/train/publish-pack.ts'
import { openObjectMap } from '../platform/onnx/object-map.ts'
import type { TownPoll } from '../train/trained-town.ts'

export const HORIZONS = [15, 60]

/** The packs, published and loaded as the forecast service does. */
export async function loadPacks(
  packs: readonly TrainedPack[],
  inference: Inference,
): Promise<Map<number, ModelPack>> {
  const objects = openObjectMap()
  const horizons = await publishPacks({ objects, packs })
  const version = { version: packs[0]!.manifest.version, effective_from: '1970-01-01T00:00:00Z', horizons }
  const loaded = new Map<number, ModelPack>()
  for (const { manifest } of packs) {
    const { system, horizon_min: horizon } = manifest
    loaded.set(horizon, await loadModelPack({ objects, inference, system, horizon, version }))
  }
  return loaded
}

/** The windows of a town, poll by poll, and what is forecast from them. */
export function serveTown(packs: ReadonlyMap<number, ModelPack>) {
  const window = new SystemWindow('town')
  return {
    window,
    merge(poll: TownPoll): void {
      window.merge(poll.observations)
    },
    /** Forecasts of the newest bin; every record carries its inputs. */
    forecast(poll: TownPoll, packed = window.packed()): Promise<ComputedUpdate> {
      const { poll_id, fetched_utc } = poll
      return computeUpdate({
        update: window.update({ poll_id, outcome: 'ok', source: 'replay', fetched_utc })!,
        packs,
        horizons: HORIZONS,
        windows: { read: async (_, ids) => ids.map((id) => packed.get(id) ?? null) },
        metrics: createForecastMetrics(new Registry()),
        logger: pino({ level: 'silent' }),
        stale_minutes: 10,
        withhold_minutes: 60,
        sample_share: 1,
      })
    },
  }
}

/** Polls whose bin has no later poll: they give the forecast of record. */
export function lastOfBin(polls: readonly TownPoll[]): TownPoll[] {
  return polls.filter(
    ({ ts_utc }, place) =>
      floorBin(polls[place + 1]?.ts_utc ?? Number.POSITIVE_INFINITY) !== floorBin(ts_utc),
  )
}
