import type { Logger } from 'pino'
import type { Config } from '../platform/config.ts'
import { loadConfig } from '../platform/config-file.ts'
import { VelocastError } from '../platform/errors.ts'
import { createLogger } from '../platform/log.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import type { CommonOptions } from './options.ts'
import { createOutput, type Output } from './output.ts'

/** What a command works with. */
export interface Setting {
  config: Config
  logger: Logger
  output: Output
}

type Tree = { [key: string]: unknown }

/** Loads the configuration with a command's own overrides on top, and its own defaults below. */
export function setting(options: CommonOptions, overrides: Tree = {}, defaults: Tree = {}): Setting {
  const own = options.data === undefined ? {} : { data: options.data }
  const config = loadConfig({
    file: options.config ?? process.env.VELOCAST_CONFIG,
    env: process.env,
    defaults,
    overrides: { ...own, ...overrides },
  })
  return {
    config,
    logger: createLogger({ ...config.logging, stream: process.stderr }),
    output: createOutput({ json: options.json === true }),
  }
}

/** The one system that a command works on: the one named, else the only one that is configured. */
export function oneSystemOf(config: Config, named: string | undefined): string {
  const [system, ...others] = systemsOf(config, named)
  if (system !== undefined && others.length === 0) return system
  throw new VelocastError({
    code: 'request_invalid',
    message: `--system must name one of ${config.systems.map(({ id }) => id).join(', ')}: nothing`,
  })
}

/** The systems that a command works on: the one named, else all that are configured. */
export function systemsOf(config: Config, named: string | undefined): string[] {
  if (named === undefined) return config.systems.map(({ id }) => id)
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(named)) {
    throw new VelocastError({
      code: 'request_invalid',
      message: `system must be lower-case letters, digits and hyphens: ${named}`,
    })
  }
  return [named]
}

/**
 * Refuses a system that is neither configured nor has anything in the store: a slip in its name would pass for a system
 * without files.
 */
export async function requireKnownSystems(
  { config, objects }: { config: Config; objects: ObjectStore },
  systems: readonly string[],
): Promise<void> {
  const configured = config.systems.map(({ id }) => id)
  for (const system of systems) {
    if (configured.includes(system) || (await objects.list(`${system}/`)).length > 0) continue
    throw new VelocastError({
      code: 'request_invalid',
      message: `system is not configured (${configured.join(', ')}) and has no files in the store, check --system and storage.root: ${system}`,
    })
  }
}
