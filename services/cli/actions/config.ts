import { stringify } from 'yaml'
import { redact } from '../../platform/config-file.ts'
import { configKeys } from '../../platform/config-reference.ts'
import type { ConfigOptions } from '../commands/config.ts'
import { createOutput, table } from '../output.ts'
import { setting } from '../setting.ts'

export function showConfig(options: ConfigOptions): void {
  if (options.keys === true) showKeys(options)
  else showInForce(options)
}

function showInForce(options: ConfigOptions): void {
  const { config, output } = setting(options)
  output.result(redact(config), (shown) => stringify(shown).trimEnd())
}

function showKeys({ json }: ConfigOptions): void {
  createOutput({ json: json === true }).result(configKeys(), (keys) =>
    table(
      ['SETTING', 'DEFAULT', 'ENVIRONMENT', 'MEANING'],
      keys.map(({ path, default: value, env, description }) => [path, value ?? '', env, description]),
    ),
  )
}
