import { pino } from 'pino'
import { Registry } from 'prom-client'
import { type ApiOptions, type ApiService, createApiService } from '../../services/api/service.ts'
import { type Clock, systemClock } from '../../services/platform/clock.ts'
import { configSchema } from '../../services/platform/config.ts'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import type { LookUpStore } from '../../services/platform/look-up-store/port.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { CITY } from './built-city.ts'

/** Objects held in a map: `get` is all that the API calls. */
function objectsOf(contents: Record<string, string>): ObjectStore {
  const refuse = (): never => {
    throw new Error('the api only reads objects')
  }
  return {
    get: async (path) => {
      const text = contents[path]
      if (text === undefined) return null
      const bytes = Buffer.from(text)
      return { path, size: bytes.length, generation: '1', bytes }
    },
    put: refuse,
    list: refuse,
    delete: refuse,
    download: refuse,
    upload: refuse,
  }
}

export interface RunningApi {
  api: ApiService
  lookUps: LookUpStore
  metrics: Registry
  /** Gives an answer's body, decoded. */
  get: (
    path: string,
    init?: RequestInit,
  ) => Promise<{ status: number; headers: Headers; body: unknown; text: string }>
}

/** A real API on a free port, over a memory look-up store. Close it with `api.close()`. */
export async function startApi({
  clock = systemClock,
  objects = {},
  lookUps = openMemoryLookUpStore({ clock }),
  port = 0,
  systems = [
    { id: CITY, name: 'River City', timezone: 'Europe/Paris', discovery_url: 'http://127.0.0.1/gbfs.json' },
  ],
  ...options
}: ApiOptions & {
  clock?: Clock
  objects?: Record<string, string>
  lookUps?: LookUpStore
  port?: number
  systems?: { id: string; name?: string; timezone?: string; discovery_url: string }[]
} = {}): Promise<RunningApi> {
  const config = configSchema.parse({ systems, http: { port } })
  const metrics = new Registry()
  const platform = {
    config,
    clock,
    logger: pino({ level: 'silent' }),
    metrics,
    lookUps,
    objects: objectsOf(objects),
  }
  const api = createApiService(platform, options)
  await api.start()
  const get: RunningApi['get'] = async (path, init) => {
    const answer = await fetch(`${api.url}${path}`, init)
    const text = await answer.text()
    const json = answer.headers.get('content-type')?.startsWith('application/json') && text !== ''
    return { status: answer.status, headers: answer.headers, body: json ? JSON.parse(text) : null, text }
  }
  return { api, lookUps, metrics, get }
}
