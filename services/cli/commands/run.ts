import { Argument, Command } from 'commander'
import { type CommonOptions, wholeNumber, withCommonOptions } from '../options.ts'
import { SERVICE_NAMES, type ServiceName } from '../service-names.ts'

export interface RunOptions extends CommonOptions {
  host?: string
  port?: number
}

export function runCommand(): Command {
  return withCommonOptions(new Command('run'))
    .description('Run one service against the configured Kafka, schema registry, Redis and object store.')
    .addArgument(new Argument('<service>', 'which one').choices(SERVICE_NAMES))
    .option('--host <address>', 'address of health checks and metrics, of api everything (default 127.0.0.1)')
    .option(
      '--port <number>',
      'port of health checks and metrics, of api everything (default 8080); 0 takes a free one',
      wholeNumber,
    )
    .addHelpText(
      'after',
      `
Example:
  VELOCAST_LOG_KIND=kafka VELOCAST_LOG_BROKERS=kafka:9092 VELOCAST_REGISTRY_URL=http://registry:8081 \\
      VELOCAST_REDIS_URL=redis://redis:6379 VELOCAST_STORAGE_ROOT=gs://bucket/velocast velocast run windows`,
    )
    .action(async (name: ServiceName, options: RunOptions) =>
      (await import('../actions/run.ts')).run(name, options),
    )
}
