import { startHealthServer } from '../../platform/http/health-server.ts'
import type { RunOptions } from '../commands/run.ts'
import { openPlatform, prepareTopics } from '../composition.ts'
import { runServices } from '../lifecycle.ts'
import type { ServiceName } from '../service-names.ts'
import { createService } from '../services.ts'
import { setting } from '../setting.ts'

const NEVER: Promise<never> = new Promise(() => {})

export async function run(name: ServiceName, options: RunOptions): Promise<void> {
  const { config, logger } = setting(options, { http: { host: options.host, port: options.port } })
  const { platform, close } = await openPlatform({ config, logger: logger.child({ service: name }) })
  let closeHealth: () => Promise<void> = async () => {}
  try {
    await prepareTopics(platform)
    const service = createService(name, platform)
    if (name !== 'api') {
      const health = await startHealthServer({
        ...config.http,
        service,
        metrics: platform.metrics,
        logger: platform.logger,
      })
      closeHealth = health.close
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, health.draining)
      logger.info({ url: health.url }, 'health checks and metrics are up')
    }
    await runServices({
      services: [service],
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
