import { Command } from 'commander'
import { stringify } from 'yaml'
import { redact } from '../../platform/config-file.ts'
import { configKeys } from '../../platform/config-reference.ts'
import { type CommonOptions, setting, withCommonOptions } from '../options.ts'
import { createOutput, table } from '../output.ts'

export function configCommand(): Command {
  return withCommonOptions(new Command('config'))
    .description('Print the configuration in force, secrets hidden; fails on anything unknown or wrong.')
    .option('--keys', 'list every setting with its default and environment variable')
    .action((options: CommonOptions & { keys?: boolean }) => {
      if (options.keys === true) {
        createOutput({ json: options.json === true }).result(configKeys(), (keys) =>
          table(
            ['SETTING', 'DEFAULT', 'ENVIRONMENT', 'MEANING'],
            keys.map(({ path, default: value, env, description }) => [path, value ?? '', env, description]),
          ),
        )
        return
      }
      const { config, output } = setting(options)
      output.result(redact(config), (shown) => stringify(shown).trimEnd())
    })
}
