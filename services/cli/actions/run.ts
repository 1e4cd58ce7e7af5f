import { startHealthServer } from '../../platform/http/health-server.ts'
import type { RunOptions } from '../commands/run.ts'
import { openPlatform, prepareTopics, requireStore } from '../composition.ts'
import { runServices } from '../lifecycle.ts'
import { createRedisWatch } from '../redis-watch.ts'
import type { ServiceName } from '../service-names.ts'
import { createService, NEEDS } from '../services.ts'
import { setting } from '../setting.ts'

const NEVER: Promise<never> = new Promise(() => {})

export async function run(name: ServiceName, options: RunOptions): Promise<void> {
  const { config, logger } = setting(options, { http: { host: options.host, port: options.port } })
  const { platform, close } = await openPlatform({ config, logger: logger.child({ service: name }) })
  let closeHealth: () => Promise<void> = async () => {}
  try {
    if (NEEDS[name].objects) await requireStore(platform, { patient: true })
    await prepareTopics(platform)
    const redis = createRedisWatch(platform, NEEDS[name].redis)
    const service = createService(name, platform, [redis])
    if (name !== 'api') {
      const health = await startHealthServer({
        ...config.http,
        service: { name, health: () => [...service.health(), ...redis.health()] },
        metrics: platform.metrics,
        logger: platform.logger,
      })
      closeHealth = health.close
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, health.draining)
      logger.info({ url: health.url }, 'health checks and metrics are up')
    }
    await runServices({
      services: [redis, service],
      logger: platform.logger,
      until: () => {
        platform.logger.info('started')
        return NEVER
      },
      close: async () => {},
    })
  } finally {
    await closeHealth()
    await close()
  }
}
