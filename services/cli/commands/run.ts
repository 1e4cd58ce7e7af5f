import { Argument, Command } from 'commander'
import { startHealthServer } from '../../platform/http/health-server.ts'
import { openPlatform, prepareTopics } from '../composition.ts'
import { runServices } from '../lifecycle.ts'
import { type CommonOptions, setting, wholeNumber, withCommonOptions } from '../options.ts'
import { createService, SERVICE_NAMES, type ServiceName } from '../services.ts'

interface RunOptions extends CommonOptions {
  host?: string
  port?: number
}

const NEVER: Promise<never> = new Promise(() => {})

export function runCommand(): Command {
  return withCommonOptions(new Command('run'))
    .description('Run one service against the configured Kafka, schema registry, Redis and object store.')
    .addArgument(new Argument('<service>', 'which one').choices(SERVICE_NAMES))
    .option('--host <address>', 'address of health checks and metrics (api: of everything)')
    .option(
      '--port <number>',
      'port of health checks and metrics (api: of everything); 0 takes a free one',
      wholeNumber,
    )
    .action(run)
}

async function run(name: ServiceName, options: RunOptions): Promise<void> {
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
