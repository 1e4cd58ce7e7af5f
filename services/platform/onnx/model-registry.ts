import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import {
  MODEL_LIST_PATH,
  type ModelList,
  type ModelListVersion,
  versionsInForce,
} from '../../domain/model-pack.ts'
import type { Clock } from '../clock.ts'
import { hasCode, isRetryable, VelocastError } from '../errors.ts'
import { trainedModelListPath } from '../object-store/layout.ts'
import type { ObjectStore } from '../object-store/port.ts'
import { openInference } from './inference.ts'
import { readModelList } from './model-list.ts'
import { loadModelPack, type ModelPack } from './pack.ts'

/** Versions kept loaded of each system: the one in force, the next, and two for updates that come late. */
const VERSIONS_LOADED = 4

/** Owner of the packs that serve every system: loaded once. No trained pack is of it. */
const EVERY_SYSTEM = '*'

export interface ModelRegistry {
  /**
   * Reads the system's list and that of every system again when `checkSeconds` have passed since the last time; a list
   * that is refused changes nothing.
   */
  refresh(system: string): Promise<void>
  /**
   * The packs that forecast bin T of a system, by horizon: those of the system's own version in force, and for horizons
   * that it lacks, of the one before it; after the system's versions come those of every system (persistence). A version
   * with a pack that is refused is passed over whole. Throws `model_not_found` (retryable) when no horizon has any.
   */
  packsInForce(system: string, tbin: number): Promise<Map<number, ModelPack>>
  close(): Promise<void>
}

interface ReadList {
  list: ModelList
  generation: string | null
  nextCheck: number
}

/** One system's loaded versions and refused ones, by what the list says of them. */
interface SystemModels {
  loaded: Map<string, Map<number, ModelPack>>
  refused: Set<string>
}

/**
 * Models by event time: what is in force is asked for a bin, never for a moment, so a swap needs no restart and a replay
 * uses what the live run used. Holds the sessions and encoders of at most four versions a system.
 */
export function openModelRegistry({
  objects,
  horizons,
  clock,
  logger,
  metrics,
  checkSeconds,
}: {
  objects: Pick<ObjectStore, 'get'>
  horizons: readonly number[]
  clock: Pick<Clock, 'now'>
  logger: Logger
  metrics: Registry
  checkSeconds: number
}): ModelRegistry {
  const inference = openInference()
  const lists = new Map<string, ReadList>()
  const systems = new Map<string, SystemModels>()
  const refusals = counter(metrics)

  const listAt = (path: string): ReadList => {
    let known = lists.get(path)
    if (known === undefined) {
      known = { list: { versions: [] }, generation: null, nextCheck: Number.NEGATIVE_INFINITY }
      lists.set(path, known)
    }
    return known
  }

  const modelsOf = (system: string): SystemModels => {
    let known = systems.get(system)
    if (known === undefined) {
      known = { loaded: new Map(), refused: new Set() }
      systems.set(system, known)
    }
    return known
  }

  const versionsOf = (path: string, tbin: number): ModelListVersion[] =>
    versionsInForce(listAt(path).list, tbin)

  const read = async (path: string): Promise<boolean> => {
    const known = listAt(path)
    if (clock.now() < known.nextCheck) return false
    known.nextCheck = clock.now() + checkSeconds * 1000
    try {
      const { list, generation } = await readModelList(objects, path)
      if (generation === known.generation) return false
      Object.assign(known, { list, generation })
      const versions = list.versions.map(({ version }) => version)
      logger.info({ path, generation, versions }, 'models: list read')
      return true
    } catch (error) {
      if (known.list.versions.length === 0 && isRetryable(error)) known.nextCheck = Number.NEGATIVE_INFINITY
      if (hasCode(error, 'model_pack_invalid')) refusals.inc({ what: 'list' })
      logger.warn({ err: error, path }, 'models: list not read, what was read before stays in force')
      return false
    }
  }

  const load = async (system: string, version: ModelListVersion): Promise<Map<number, ModelPack> | null> => {
    const { loaded, refused } = modelsOf(system)
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
        packs.set(horizon, await loadModelPack({ objects, inference, system, horizon, version }))
      }
    } catch (error) {
      await release(packs)
      if (!hasCode(error, 'model_pack_invalid')) throw error
      refused.add(key)
      refusals.inc({ what: 'pack' })
      logger.error(
        { err: error, system, version: version.version },
        'models: version refused, the one before it stays',
      )
      return null
    }
    loaded.set(key, packs)
    logger.info({ system, version: version.version, horizons: [...packs.keys()] }, 'models: version loaded')
    for (const [oldest, unused] of loaded) {
      if (loaded.size <= VERSIONS_LOADED) break
      loaded.delete(oldest)
      await release(unused)
    }
    return packs
  }

  return {
    async refresh(system) {
      if (await read(trainedModelListPath(system))) modelsOf(system).refused.clear()
      if (await read(MODEL_LIST_PATH)) for (const { refused } of systems.values()) refused.clear()
    },
    async packsInForce(system, tbin) {
      const packs = new Map<number, ModelPack>()
      const candidates = [
        ...versionsOf(trainedModelListPath(system), tbin).map((version) => ({ version, owner: system })),
        ...versionsOf(MODEL_LIST_PATH, tbin).map((version) => ({ version, owner: EVERY_SYSTEM })),
      ]
      for (const { version, owner } of candidates) {
        if (horizons.every((horizon) => packs.has(horizon))) break
        if (!horizons.some((horizon) => horizon in version.horizons && !packs.has(horizon))) continue
        for (const [horizon, pack] of (await load(owner, version)) ?? []) {
          if (!packs.has(horizon)) packs.set(horizon, pack)
        }
      }
      if (packs.size > 0) return packs
      throw new VelocastError({
        code: 'model_not_found',
        retryable: true,
        message: `no model is in force: publish one in ${MODEL_LIST_PATH} for ${system} at ${new Date(tbin).toISOString()}`,
      })
    },
    async close() {
      await inference.close()
      systems.clear()
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
