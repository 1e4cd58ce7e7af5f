import { type Command, InvalidArgumentError } from 'commander'
import { isTimezone } from '../domain/calendar.ts'

/** Options that every command has. */
export interface CommonOptions {
  config?: string
  data?: string
  json?: boolean
}

/** Options of the jobs over a system's files. */
export interface JobCommandOptions extends CommonOptions {
  system?: string
  dryRun?: boolean
}

export function withCommonOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration, YAML or JSON (or VELOCAST_CONFIG)')
    .option('--data <dir>', 'local directory of the embedded log and store (or VELOCAST_DATA; default data)')
    .option('--json', 'one JSON document on stdout instead of text')
}

export function withJobOptions(command: Command): Command {
  return withCommonOptions(command)
    .option('--system <id>', 'one system; default all configured')
    .option('--dry-run', 'read and report, write and delete nothing (or DRY_RUN=1)')
}

export function wholeNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError(`needs a whole number, 0 or more, got ${text}.`)
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

export function timezone(text: string): string {
  if (!isTimezone(text))
    throw new InvalidArgumentError(`needs an IANA time zone such as Europe/Paris, got ${text}.`)
  return text
}

/** A moment as epoch ms. */
export function instant(text: string): number {
  const utc = Date.parse(text)
  if (!/^\d{4}-\d{2}-\d{2}(T.*(Z|[+-]\d{2}:\d{2}))?$/.test(text) || !Number.isFinite(utc))
    throw new InvalidArgumentError(`needs a moment like 2026-01-31T07:00:00Z, got ${text}.`)
  return utc
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
