import type { Source } from '../domain/poll.ts'
import type { HealthCheck, Platform, Service } from '../platform/service.ts'
import { ingestMetrics } from './metrics.ts'
import { SystemPoller } from './system-poller.ts'

export interface IngestServiceOptions {
  /** What the poll records say of the source; `simulate` when the addresses are a simulator's. */
  source?: Source
  /** 0 (included) to 1: spreads retries. */
  random?: () => number
  /** Called between every two steps of a poll's commit protocol. */
  fault?: (step: string) => Promise<void> | void
}

/**
 * Live ingest: polls every configured system at its own interval, each in its own loop, so that one system's fault
 * never stops another. The commit protocol is `SystemPoller`'s. Holds one answer and one information a system.
 * `drain` publishes the polls in flight; `caughtUp` is always true, `finish` does nothing: live input has no end.
 */
export function createIngestService(
  platform: Pick<Platform, 'config' | 'clock' | 'logger' | 'metrics' | 'log' | 'codec' | 'objects'>,
  options: IngestServiceOptions = {},
): Service {
  const { source = 'live', random = Math.random, fault } = options
  const logger = platform.logger.child({ service: 'ingest' })
  const stop = new AbortController()
  const abort = new AbortController()
  const failures: unknown[] = []
  let onFailure: ((error: unknown) => void) | null = null
  let loops: Promise<unknown> = Promise.resolve()

  const failed = (error: unknown): void => {
    failures.push(error)
    if (failures.length === 1) onFailure?.(error)
  }
  const pollers = platform.config.systems.map(
    (system) =>
      new SystemPoller({
        platform: { ...platform, logger },
        system,
        source,
        random,
        stop: stop.signal,
        abort: abort.signal,
        failed,
        fault,
      }),
  )

  return {
    name: 'ingest',
    async start() {
      ingestMetrics(platform.metrics)
      loops = Promise.all(pollers.map((poller) => poller.run()))
    },
    caughtUp: async () => true,
    finish: async () => {},
    async drain(signal) {
      stop.abort()
      const cut = (): void => abort.abort()
      if (signal.aborted) cut()
      signal.addEventListener('abort', cut, { once: true })
      await loops
      signal.removeEventListener('abort', cut)
    },
    async close() {
      stop.abort()
      abort.abort()
      await loops
    },
    health: (): HealthCheck[] => pollers.map((poller) => poller.health()),
    onFailure(callback) {
      onFailure = callback
      if (failures.length > 0) callback(failures[0])
    },
  }
}
