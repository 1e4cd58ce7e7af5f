import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { type HealthSource, type ProcessState, registerHealthRoutes } from './health-routes.ts'
import { listen } from './listen.ts'
import { createHttpServer } from './server.ts'

export interface HealthServer {
  readonly url: string
  /** From now on `/readyz` says 503. */
  draining(): void
  /** From now on `/livez` and `/readyz` say 503, with this reason. */
  failed(error: unknown): void
  close(): Promise<void>
}

/**
 * `/livez`, `/readyz`, `/startupz` and `/metrics` for a process that has no API. Start it before the service, so
 * that a slow start can be told from a dead one. Throws `port_in_use`.
 */
export async function startHealthServer({
  host,
  port,
  service,
  metrics,
  logger,
}: {
  host: string
  port: number
  service: HealthSource
  metrics: Registry
  logger: Logger
}): Promise<HealthServer> {
  const state: ProcessState = { draining: false, failure: null }
  const server = createHttpServer({ logger, metrics })
  registerHealthRoutes(server, { sources: () => [service], state, metrics })
  const url = await listen({ server, host, port })
  return {
    url,
    draining() {
      state.draining = true
    },
    failed(error) {
      state.failure = error instanceof Error ? error.message : String(error)
    },
    async close() {
      server.server.closeAllConnections()
      await server.close()
    },
  }
}
