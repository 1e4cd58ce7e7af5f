import { VelocastError } from '../platform/errors.ts'
import type { Platform, Service } from '../platform/service.ts'

/** Redis of a process: `windows`, `look_ups` or both. */
export type RedisUse = 'windows' | 'look_ups'

/** Between two questions: a Redis that comes up is noticed within it. */
const ASK_EVERY_MS = 2_000
/** While it is down it is said again this often. */
const REMIND_EVERY_MS = 60_000

/**
 * Asks Redis every other second, from the start on and whether or not there is traffic: says in the log when it cannot
 * be used, with address and remedy, and when it can again; its check is not ok until it has answered. It stands in
 * nobody's way: the services start, wait and retry by themselves. Without a configured Redis it has nothing to watch.
 */
export function createRedisWatch(
  {
    windows,
    lookUps,
    clock,
    logger,
    config,
  }: Pick<Platform, 'windows' | 'lookUps' | 'clock' | 'logger' | 'config'>,
  uses: readonly RedisUse[],
): Service {
  const ask: Record<RedisUse, () => Promise<unknown>> = {
    windows: () => windows.read('velocast', ['asked']),
    look_ups: () => lookUps.system('velocast'),
  }
  const watched = config.redis.url === undefined ? [] : uses
  const troubles = new Map<RedisUse, string>(watched.map((use) => [use, 'not asked yet']))
  const closed = new AbortController()
  let running: Promise<unknown> = Promise.resolve()

  async function watch(use: RedisUse): Promise<void> {
    let said: number | null = null
    while (!closed.signal.aborted) {
      try {
        await ask[use]()
        if (said !== null) logger.info(`${use}: redis can be used again`)
        said = null
        troubles.delete(use)
      } catch (error) {
        if (closed.signal.aborted) return
        const message = error instanceof Error ? error.message : String(error)
        troubles.set(use, message)
        if (said === null || clock.now() - said >= REMIND_EVERY_MS) {
          said = clock.now()
          const code = error instanceof VelocastError ? error.code : 'internal'
          logger.error({ code }, `${message}; tried again until it answers`)
        }
      }
      await clock.sleep(ASK_EVERY_MS, closed.signal)
    }
  }

  return {
    name: 'redis',
    async start() {
      running = Promise.all(watched.map(watch))
    },
    caughtUp: async () => true,
    finish: async () => undefined,
    drain: async () => undefined,
    async close() {
      closed.abort()
      await running
    },
    health: () =>
      watched.map((use) => ({ name: use, ok: !troubles.has(use), detail: troubles.get(use) ?? 'answers' })),
    onFailure: () => undefined,
  }
}
