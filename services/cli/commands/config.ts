import { Command } from 'commander'
import { type CommonOptions, withCommonOptions } from '../options.ts'

export interface ConfigOptions extends CommonOptions {
  keys?: boolean
}

export function configCommand(): Command {
  return withCommonOptions(new Command('config'))
    .description('Print the configuration in force, secrets hidden; fails on anything unknown or wrong.')
    .option('--keys', 'list every setting with its default and environment variable')
    .action(async (options: ConfigOptions) => (await import('../actions/config.ts')).showConfig(options))
}
