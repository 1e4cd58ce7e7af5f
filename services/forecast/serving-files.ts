import { type ServingForecast, servingForecast, servingPath } from '../domain/serving-forecast.ts'
import { hasCode } from '../platform/errors.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import type { ComputedUpdate } from './compute.ts'

const ATTEMPTS = 5

interface Newest {
  /** Null when nothing is there. */
  generation: string | null
  tbin: number
  fetched: number
}

/**
 * `serving/forecast/h{H}/latest.json` of every system: whole or not at all, and never an older one over a newer, by
 * generation. Remembers the generation that it wrote, so that a poll costs one write a horizon.
 */
export class ServingFiles {
  readonly #objects: Pick<ObjectStore, 'get' | 'put'>
  readonly #known = new Map<string, Newest>()

  constructor(objects: Pick<ObjectStore, 'get' | 'put'>) {
    this.#objects = objects
  }

  /** Says whether it was written; false when a newer one is there. */
  async write(computed: ComputedUpdate, horizon: number): Promise<boolean> {
    const { update, system } = computed
    const path = servingPath({ system: update.system, horizon })
    const file = servingForecast({
      system: update.system,
      source: computed.source,
      poll_id: update.poll_id,
      tbin_utc: update.tbin_utc,
      ts_utc: update.ts_utc,
      fetched_utc: update.fetched_utc,
      valid_until: computed.valid_until,
      stale: system.stale,
      withheld: system.withheld,
      horizon,
      model_version: system.model_versions[horizon] ?? null,
      forecasts: computed.forecasts,
      names: new Map(update.station_ids.map((stationId, place) => [stationId, update.names[place] ?? null])),
    })
    const bytes = Buffer.from(JSON.stringify(file))
    for (let attempt = 1; ; attempt += 1) {
      const newest = this.#known.get(path) ?? (await this.#read(path))
      if (isNewer(newest, { tbin: update.tbin_utc, fetched: update.fetched_utc })) return false
      try {
        const { generation } = await this.#objects.put(path, bytes, {
          ifGeneration: newest.generation ?? 'absent',
          contentType: 'application/json',
        })
        this.#known.set(path, { generation, tbin: update.tbin_utc, fetched: update.fetched_utc })
        return true
      } catch (error) {
        this.#known.delete(path)
        if (!hasCode(error, 'store_precondition_failed') || attempt === ATTEMPTS) throw error
      }
    }
  }

  async #read(path: string): Promise<Newest> {
    const object = await this.#objects.get(path)
    if (object === null) return { generation: null, tbin: 0, fetched: 0 }
    try {
      const { tbin_utc, generated_at } = JSON.parse(object.bytes.toString('utf8')) as ServingForecast
      return {
        generation: object.generation,
        tbin: Date.parse(tbin_utc) || 0,
        fetched: Date.parse(generated_at) || 0,
      }
    } catch {
      // What cannot be read is of no use to any reader: it is written over.
      return { generation: object.generation, tbin: 0, fetched: 0 }
    }
  }
}

function isNewer(a: { tbin: number; fetched: number }, b: { tbin: number; fetched: number }): boolean {
  return a.tbin !== b.tbin ? a.tbin > b.tbin : a.fetched > b.fetched
}
