import { Registry } from 'prom-client'
import { BIN_MS, DAY_MS, floorBin, HOUR_MS } from '../../domain/bin.ts'
import { computeUpdate } from '../../forecast/compute.ts'
import { createForecastMetrics } from '../../forecast/metrics.ts'
import { openParquetHistory, type ParquetHistory } from '../../monitor/parquet-history.ts'
import { type ModelRegistry, openModelRegistry } from '../../platform/onnx/model-registry.ts'
import type { ModelPack } from '../../platform/onnx/pack.ts'
import type { Platform } from '../../platform/service.ts'
import { type LoggedInput, loggedInputs } from './logged-inputs.ts'
import { ParquetWindows } from './parquet-windows.ts'

/** One feature of one model: how far what was used is from what Parquet gives. */
interface FeatureParity {
  horizon_min: number
  model_version: string
  feature: string
  /** Logged values that were compared. */
  compared: number
  differing: number
  /** Null when a value is known on one side only. */
  largest_difference: number | null
}

export interface ParityReport {
  system: string
  day: string
  /** Logged inputs (station, bin, horizon) of the day's forecasts of record. */
  logged: number
  compared: number
  /** Not compared: a row of the window was fetched after the forecast was made. */
  revised: number
  /** Not compared: another model is in force now, or the windows hold no such station. */
  unavailable: number
  differing: number
  features: FeatureParity[]
}

/** Bins that a forecast looks back on, in hours, rounded up. */
const HISTORY_HOURS = 4

type ParityPlatform = Pick<Platform, 'config' | 'objects' | 'clock' | 'logger'>

/**
 * Recomputes from Parquet what the models were given for the sampled forecasts of record of a UTC day, by the code that
 * serves, and compares number by number. Reads an hour of rows at a time.
 */
export async function checkParity({
  platform,
  system,
  day,
  onProgress,
}: {
  platform: ParityPlatform
  system: string
  day: string
  onProgress?: (done: number, total: number) => void
}): Promise<ParityReport> {
  const { objects, config, clock, logger } = platform
  const logged = await loggedInputs({ objects, system, day })
  const comparison = new Comparison(system, day)
  const metrics = new Registry()
  const models = openModelRegistry({
    objects,
    horizons: config.horizons,
    clock,
    logger,
    metrics,
    checkSeconds: Number.MAX_SAFE_INTEGER / 1000,
  })
  const history = await openParquetHistory({ objects, system })
  try {
    await models.refresh(system)
    const windows = new ParquetWindows(system)
    const forecastMetrics = createForecastMetrics(metrics)
    const start = Date.parse(`${day}T00:00:00Z`)
    const first = start - HISTORY_HOURS * HOUR_MS
    for (let hour = first; hour < start + DAY_MS && logged.size > 0; hour += HOUR_MS) {
      for (const [bin, rows] of await binsOf(history, hour)) {
        windows.add(rows)
        const own = logged.get(bin)
        if (own === undefined) continue
        await compareBin({ platform, windows, own, models, metrics: forecastMetrics, comparison })
      }
      onProgress?.((hour - first) / HOUR_MS + 1, (start + DAY_MS - first) / HOUR_MS)
    }
    return comparison.report([...logged.values()].flat().length)
  } finally {
    await history.close()
    await models.close()
  }
}

async function binsOf(
  history: ParquetHistory,
  hour: number,
): Promise<[number, Awaited<ReturnType<ParquetHistory['rows']>>][]> {
  const rows = await history.rows({ start: hour, end: hour + HOUR_MS })
  const bins = Map.groupBy(rows, ({ ts_utc }) => floorBin(ts_utc))
  return Array.from({ length: HOUR_MS / BIN_MS }, (_, place) => {
    const bin = hour + place * BIN_MS
    return [bin, bins.get(bin) ?? []]
  })
}

async function compareBin({
  platform: { config, logger },
  windows,
  own,
  models,
  metrics,
  comparison,
}: {
  platform: ParityPlatform
  windows: ParquetWindows
  own: readonly LoggedInput[]
  models: ModelRegistry
  metrics: ReturnType<typeof createForecastMetrics>
  comparison: Comparison
}): Promise<void> {
  const { tbin_utc: tbin, predicted_utc: predicted, poll_id } = own[0]!
  const packs = await models.packsInForce(comparison.system, tbin)
  const revised = windows.revisedAfter({ tbin, predicted })
  const { inputs } = await computeUpdate({
    update: windows.update({ tbin, poll_id, predicted }),
    packs,
    horizons: config.horizons,
    windows,
    metrics,
    logger,
    stale_minutes: config.forecast.stale_minutes,
    withhold_minutes: config.forecast.withhold_minutes,
    sample_share: 1,
  })
  for (const entry of own) {
    const pack = packs.get(entry.horizon_min)
    const now = inputs.get(entry.station_id)?.find(({ horizon_min, model_version, features_hash }) => {
      const same = model_version === entry.model_version && features_hash === entry.features_hash
      return same && horizon_min === entry.horizon_min
    })
    // Neighbours and the network's weather are inputs of a trained pack: any station's late row may have changed them.
    const isRevised = pack?.kind === 'trained' ? revised.size > 0 : revised.has(entry.station_id)
    if (isRevised) comparison.revised += 1
    else if (pack === undefined || now === undefined) comparison.unavailable += 1
    else comparison.add({ entry, pack, values: now.values })
  }
}

/** Largest differences by model and feature. */
class Comparison {
  readonly system: string
  readonly #day: string
  revised = 0
  unavailable = 0
  #compared = 0
  readonly #features = new Map<string, FeatureParity>()

  constructor(system: string, day: string) {
    this.system = system
    this.#day = day
  }

  add({ entry, pack, values }: { entry: LoggedInput; pack: ModelPack; values: readonly number[] }): void {
    const { horizon_min, model_version } = entry
    this.#compared += 1
    pack.manifest.features.names.forEach((feature, place) => {
      const key = `${horizon_min} ${model_version} ${feature}`
      const parity = this.#features.get(key) ?? {
        horizon_min,
        model_version,
        feature,
        compared: 0,
        differing: 0,
        largest_difference: 0,
      }
      this.#features.set(key, parity)
      const difference = distance(entry.values[place] ?? Number.NaN, values[place] ?? Number.NaN)
      parity.compared += 1
      if (difference === 0) return
      parity.differing += 1
      const largest = Math.max(parity.largest_difference ?? Number.POSITIVE_INFINITY, difference)
      parity.largest_difference = Number.isFinite(largest) ? largest : null
    })
  }

  report(logged: number): ParityReport {
    const features = [...this.#features.values()]
    return {
      system: this.system,
      day: this.#day,
      logged,
      compared: this.#compared,
      revised: this.revised,
      unavailable: this.unavailable,
      differing: features.reduce((sum, { differing }) => sum + differing, 0),
      features,
    }
  }
}

/** 0 for equal numbers and for two unknown ones; infinite when one alone is unknown. */
function distance(a: number, b: number): number {
  if (Number.isNaN(a) && Number.isNaN(b)) return 0
  const difference = Math.abs(a - b)
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference
}
