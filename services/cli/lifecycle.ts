import type { Logger } from 'pino'
import type { Clock } from '../platform/clock.ts'
import type { Service } from '../platform/service.ts'

/** How long a stop may take before it is cut short; a pod's grace period must be longer. */
const DRAIN_MS = 25_000

export interface RunServicesOptions {
  /** In the order of starting: consumers first, sources last. Drained in the reverse order. */
  services: Service[]
  logger: Logger
  /**
   * Called when everything has started; settles when the run should end by itself. The signal aborts when it ends
   * otherwise: then nothing may be left that keeps the process alive.
   */
  until: (signal: AbortSignal) => Promise<unknown>
  /** Frees what the services stand on; called last, always. */
  close: () => Promise<void>
  signals?: NodeJS.EventEmitter
}

/**
 * Starts services, waits for the end (`until`, a signal, or a failure), drains and closes them.
 * The first SIGTERM or SIGINT drains within DRAIN_MS, a second one exits at once with 130.
 * Rejects with the failure, after everything is closed.
 */
export async function runServices({
  services,
  logger,
  until,
  close,
  signals = process,
}: RunServicesOptions): Promise<void> {
  const deadline = new AbortController()
  const ending = new AbortController()
  let stop: () => void = () => {}
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  let signalled = 0
  const onSignal = (name: NodeJS.Signals): void => {
    signalled += 1
    if (signalled > 1) process.exit(130)
    logger.info({ signal: name }, 'stopping: finishing work in progress; a second signal stops at once')
    stop()
  }
  signals.on('SIGTERM', onSignal)
  signals.on('SIGINT', onSignal)
  const failed = new Promise<never>((_, reject) => {
    for (const service of services) service.onFailure(reject)
  })
  failed.catch(() => {})
  const running: Service[] = []
  try {
    for (const service of services) {
      running.unshift(service)
      await Promise.race([service.start(), failed, stopped])
      if (signalled > 0) return
    }
    await Promise.race([until(ending.signal), stopped, failed])
  } finally {
    ending.abort()
    const timer = setTimeout(() => deadline.abort(), DRAIN_MS)
    for (const service of running) {
      await service
        .drain(deadline.signal)
        .catch((error: unknown) => logger.error({ err: error, service: service.name }, 'drain failed'))
    }
    for (const service of running) {
      await service
        .close()
        .catch((error: unknown) => logger.error({ err: error, service: service.name }, 'close failed'))
    }
    await close()
    clearTimeout(timer)
    signals.off('SIGTERM', onSignal)
    signals.off('SIGINT', onSignal)
  }
}

/**
 * Resolves when every service has handled all that the log holds. What one service publishes is another's input,
 * so it takes two rounds in a row in which nobody had anything left. Resolves at once when the signal aborts.
 */
export async function everythingHandled({
  services,
  clock,
  signal,
}: {
  services: Service[]
  clock: Clock
  signal: AbortSignal
}): Promise<void> {
  let quiet = 0
  while (quiet < 2 && !signal.aborted) {
    const states = await Promise.all(services.map((service) => service.caughtUp()))
    quiet = states.every(Boolean) ? quiet + 1 : 0
    if (quiet < 2) await clock.sleep(50, signal)
  }
}
