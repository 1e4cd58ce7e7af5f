import type { FastifyInstance } from 'fastify'
import type { HealthSource, ProcessState } from '../platform/http/health-routes.ts'
import { listen } from '../platform/http/listen.ts'
import type { Platform, Service } from '../platform/service.ts'
import { EventStreams } from './live/event-streams.ts'
import { LookUpReader } from './look-up-view.ts'
import { createApiServer } from './server.ts'

export interface ApiOptions {
  /** The other services of this process: their checks are read by the probes. */
  services?: () => HealthSource[]
  /** Event streams open at once; default 1,000. */
  maxListeners?: number
}

export interface ApiService extends Service {
  /** Address to open, `http://host:port`. Empty before `start`. */
  readonly url: string
}

/**
 * The HTTP API, the page and the probes, on `config.http`. Reads look-ups and artefacts and writes nothing but
 * requests for training, so it commits nothing and any number of replicas may run. Draining: `/readyz` says 503, event streams end, running
 * requests are answered.
 */
export function createApiService(
  platform: Pick<Platform, 'config' | 'clock' | 'logger' | 'metrics' | 'lookUps' | 'objects'>,
  { services = () => [], maxListeners }: ApiOptions = {},
): ApiService {
  const state: ProcessState = { draining: false, failure: null }
  const logger = platform.logger.child({ service: 'api' })
  const reader = new LookUpReader({ store: platform.lookUps })
  let server: FastifyInstance | null = null
  let streams: EventStreams | null = null
  let url = ''
  let closing: Promise<void> | null = null

  const shut = (): Promise<void> => {
    streams?.close()
    closing ??= server === null ? Promise.resolve() : server.close().then(() => undefined)
    return closing
  }

  const service: ApiService = {
    name: 'api',
    get url() {
      return url
    },
    async start() {
      const { clock, config, metrics } = platform
      streams = new EventStreams({
        clock,
        reader,
        config,
        logger,
        metrics,
        ...(maxListeners === undefined ? {} : { maxListeners }),
      })
      const sources = (): HealthSource[] => {
        const others = services()
        return others.some(({ name }) => name === 'api') ? others : [service, ...others]
      }
      server = await createApiServer({ platform: { ...platform, logger }, reader, streams, sources, state })
      url = await listen({ server, ...config.http })
      logger.info({ url }, 'api listens')
    },
    caughtUp: async () => true,
    finish: async () => undefined,
    async drain(signal) {
      state.draining = true
      const cut = (): void => server?.server.closeAllConnections()
      signal.addEventListener('abort', cut, { once: true })
      if (signal.aborted) cut()
      await shut()
      signal.removeEventListener('abort', cut)
    },
    async close() {
      state.draining = true
      streams?.close()
      server?.server.closeAllConnections()
      await shut()
    },
    health: () => [
      {
        name: 'listening',
        ok: url !== '' && !state.draining,
        detail: state.draining ? 'draining' : url === '' ? 'not listening yet' : url,
      },
      { name: 'look_ups', ok: reader.failure === null, detail: reader.failure ?? 'the last read succeeded' },
    ],
    onFailure: () => undefined,
  }
  return service
}
