import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import { type ModelList, type ModelListVersion, versionsInForce } from '../../domain/model-pack.ts'
import type { Clock } from '../clock.ts'
import { hasCode, isRetryable, VelocastError } from '../errors.ts'
import type { ObjectStore } from '../object-store/port.ts'
import { openInference } from './inference.ts'
import { readModelList } from './install.ts'
import { loadModelPack, type ModelPack } from './pack.ts'

/** Versions kept loaded: the one in force, the next, and two for updates that come late. */
const VERSIONS_LOADED = 4

export interface ModelRegistry {
  /** Reads the list again when `checkSeconds` have passed since the last time; a list that is refused changes nothing. */
  refresh(): Promise<void>
  /**
   * The packs that forecast bin T, by horizon: those of the version in force. A version with a pack that is refused is
   * passed over whole for the one before it; a horizon that a version lacks comes from the one before it.
   * Throws `model_not_found` (retryable) when no horizon has any.
   */
  packsInForce(tbin: number): Promise<Map<number, ModelPack>>
  close(): Promise<void>
}

/**
 * Models by event time: what is in force is asked for a bin, never for a moment, so a swap needs no restart and a replay
 * uses what the live run used. Holds the sessions of at most four versions.
 */
export function openModelRegistry({
  objects,
  horizons,
  clock,
  logger,
  metrics,
  checkSeconds,
  threads = 1,
}: {
  objects: Pick<ObjectStore, 'get'>
  horizons: readonly number[]
  clock: Pick<Clock, 'now'>
  logger: Logger
  metrics: Registry
  checkSeconds: number
  threads?: number
}): ModelRegistry {
  const inference = openInference({ threads })
  const loaded = new Map<string, Map<number, ModelPack>>()
  const refused = new Set<string>()
  let list: ModelList = { versions: [] }
  let generation: string | null = null
  let nextCheck = Number.NEGATIVE_INFINITY
  const refusals = counter(metrics)

  const refresh = async (): Promise<void> => {
    if (clock.now() < nextCheck) return
    nextCheck = clock.now() + checkSeconds * 1000
    try {
      const found = await readModelList(objects)
      if (found.generation === generation) return
      generation = found.generation
      list = found.list
      refused.clear()
      logger.info({ generation, versions: list.versions.map(({ version }) => version) }, 'models: list read')
    } catch (error) {
      if (list.versions.length === 0 && isRetryable(error)) nextCheck = Number.NEGATIVE_INFINITY
      if (hasCode(error, 'model_pack_invalid')) refusals.inc({ what: 'list' })
      logger.warn({ err: error }, 'models: list not read, what was read before stays in force')
    }
  }

  const load = async (version: ModelListVersion): Promise<Map<number, ModelPack> | null> => {
    const key = JSON.stringify([version.version, version.horizons])
    if (refused.has(key)) return null
    const known = loaded.get(key)
    if (known !== undefined) {
      loaded.delete(key)
      loaded.set(key, known)
      return known
    }
    const packs = new Map<number, ModelPack>()
    try {
      for (const horizon of horizons) {
        if (!(horizon in version.horizons)) continue
        packs.set(horizon, await loadModelPack({ objects, inference, horizon, version }))
      }
    } catch (error) {
      await release(packs)
      if (!hasCode(error, 'model_pack_invalid')) throw error
      refused.add(key)
      refusals.inc({ what: 'pack' })
      logger.error(
        { err: error, version: version.version },
        'models: version refused, the one before it stays',
      )
      return null
    }
    loaded.set(key, packs)
    logger.info({ version: version.version, horizons: [...packs.keys()] }, 'models: version loaded')
    for (const [oldest, unused] of loaded) {
      if (loaded.size <= VERSIONS_LOADED) break
      loaded.delete(oldest)
      await release(unused)
    }
    return packs
  }

  return {
    refresh,
    async packsInForce(tbin) {
      const packs = new Map<number, ModelPack>()
      for (const version of versionsInForce(list, tbin)) {
        if (horizons.every((horizon) => packs.has(horizon))) break
        if (!horizons.some((horizon) => horizon in version.horizons && !packs.has(horizon))) continue
        for (const [horizon, pack] of (await load(version)) ?? []) {
          if (!packs.has(horizon)) packs.set(horizon, pack)
        }
      }
      if (packs.size > 0) return packs
      throw new VelocastError({
        code: 'model_not_found',
        retryable: true,
        message: `no model is in force: publish one in models/latest.json for bin ${new Date(tbin).toISOString()}`,
      })
    },
    async close() {
      await inference.close()
      loaded.clear()
    },
  }
}

function counter(metrics: Registry): Counter<'what'> {
  const name = 'velocast_model_refusals_total'
  return (
    (metrics.getSingleMetric(name) as Counter<'what'> | undefined) ??
    new Counter({
      name,
      help: 'Model lists and packs that were refused',
      labelNames: ['what'],
      registers: [metrics],
    })
  )
}

async function release(packs: Map<number, ModelPack>): Promise<void> {
  for (const pack of packs.values()) await pack.release()
}
