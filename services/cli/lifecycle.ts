import type { Logger } from 'pino'
import { aborted } from '../platform/aborted.ts'
import type { Clock } from '../platform/clock.ts'
import type { Service } from '../platform/service.ts'

/** How long a stop may take before it is cut short; a pod's grace period must be longer. */
const DRAIN_MS = 25_000
/** What giving up, and then closing, may take beyond that, as shares of it: 1 s and 3 s. */
const GIVE_UP_SHARE = 1 / 25
const CLOSE_SHARE = 3 / 25

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
  /** Ends the process: at the second signal, and when a stop was cut short, for what hangs may hold a handle. */
  exit?: (code: number) => void
  /** How long a stop may take, ms. Default 25,000. */
  drainMs?: number
}

/**
 * Starts services, waits for the end (`until`, a signal, or a failure), drains and closes them.
 * The first SIGTERM or SIGINT drains within `drainMs`, a second one exits at once with 130. What is not done by then,
 * and closed a little later (3 s of 25), is left: its work was not committed, so the next start repeats it; the process exits with 1.
 * Rejects with the failure, after everything is closed.
 */
export async function runServices({
  services,
  logger,
  until,
  close,
  signals = process,
  exit = (code) => process.exit(code),
  drainMs = DRAIN_MS,
}: RunServicesOptions): Promise<void> {
  const deadline = new AbortController()
  const gaveUp = new AbortController()
  const lastCall = new AbortController()
  const ending = new AbortController()
  let stop: () => void = () => {}
  const stopped = new Promise<void>((resolve) => {
    stop = resolve
  })
  let signalled = 0
  const onSignal = (name: NodeJS.Signals): void => {
    signalled += 1
    if (signalled > 1) {
      exit(130)
      return
    }
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
    const timer = setTimeout(() => deadline.abort(), drainMs)
    const late = setTimeout(() => gaveUp.abort(), drainMs * (1 + GIVE_UP_SHARE))
    const last = setTimeout(() => lastCall.abort(), drainMs * (1 + CLOSE_SHARE))
    const left: string[] = []
    const step = async (what: string, work: Promise<void>, limit: AbortSignal): Promise<void> => {
      const done = work
        .catch((error: unknown) => logger.error({ err: error }, `${what} failed`))
        .then(() => true)
      if (!(await Promise.race([done, aborted(limit).then(() => false)]))) left.push(what)
    }
    for (const service of running) {
      await step(`drain of ${service.name}`, service.drain(deadline.signal), gaveUp.signal)
    }
    for (const service of running) await step(`close of ${service.name}`, service.close(), lastCall.signal)
    await step('close of the platform', close(), lastCall.signal)
    for (const pending of [timer, late, last]) clearTimeout(pending)
    signals.off('SIGTERM', onSignal)
    signals.off('SIGINT', onSignal)
    if (left.length > 0) {
      const message = `stop took longer than ${drainMs / 1000} s: what was not committed is done again by the next start`
      logger.error({ left }, message)
      exit(1)
    }
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
