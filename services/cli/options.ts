import { type Command, InvalidArgumentError } from 'commander'
import type { Logger } from 'pino'
import type { Config } from '../platform/config.ts'
import { loadConfig } from '../platform/config-file.ts'
import { VelocastError } from '../platform/errors.ts'
import { createLogger } from '../platform/log.ts'
import { createOutput, type Output } from './output.ts'

/** Options that every command has. */
export interface CommonOptions {
  config?: string
  data?: string
  json?: boolean
}

export interface Setting {
  config: Config
  logger: Logger
  output: Output
}

export function withCommonOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration, YAML or JSON (or VELOCAST_CONFIG)')
    .option('--data <dir>', 'local directory of the embedded log and store')
    .option('--json', 'one JSON document on stdout instead of text')
}

type Tree = { [key: string]: unknown }

/** Loads the configuration with a command's own overrides on top. */
export function setting(options: CommonOptions, overrides: Tree = {}): Setting {
  const own = options.data === undefined ? {} : { data: options.data }
  const config = loadConfig({
    file: options.config ?? process.env.VELOCAST_CONFIG,
    env: process.env,
    overrides: { ...own, ...overrides },
  })
  return {
    config,
    logger: createLogger({ ...config.logging, stream: process.stderr }),
    output: createOutput({ json: options.json === true }),
  }
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError(`needs a whole number, got ${text}.`)
  return value
}

/** A replay's or simulation's pace: times real time, or `max`. */
export function speed(text: string): number | 'max' {
  if (text === 'max') return 'max'
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError(`needs a number above 0 or max, got ${text}.`)
  return value
}

export function day(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || !isDate(text))
    throw new InvalidArgumentError(`needs a day like 2026-01-31, got ${text}.`)
  return text
}

export function month(text: string): string {
  if (!/^\d{4}-\d{2}$/.test(text) || !isDate(`${text}-01`))
    throw new InvalidArgumentError(`needs a month like 2026-01, got ${text}.`)
  return text
}

function isDate(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`)
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(text)
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
