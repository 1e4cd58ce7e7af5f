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
    .option('--host <address>', 'address of health checks and metrics (api: of everything)')
    .option(
      '--port <number>',
      'port of health checks and metrics (api: of everything); 0 takes a free one',
      wholeNumber,
    )
    .action(async (name: ServiceName, options: RunOptions) =>
      (await import('../actions/run.ts')).run(name, options),
    )
}
