import { Command } from 'commander'
import { type CommonOptions, instant, wholeNumber, withCommonOptions } from '../options.ts'

export interface DlqOptions extends CommonOptions {
  system?: string
  code?: string
  service?: string
  since?: number
  until?: number
  partition?: number
  offset?: number
  limit: number
}

export function dlqCommand(): Command {
  const list = withFilters(new Command('list'), 50, 'newest letters that are listed')
    .description('List dead letters: where each stands, who refused which record, and why.')
    .action(async (options: DlqOptions) => (await import('../actions/dlq.ts')).listLetters(options))
  const show = withFilters(new Command('show'), 10, 'newest letters that are shown')
    .description(
      'Show dead letters whole: headers, and the value decoded, or in hexadecimal where it cannot be.',
    )
    .action(async (options: DlqOptions) => (await import('../actions/dlq.ts')).showLetters(options))
  const replay = withFilters(new Command('replay'), 10_000, 'records that are published at most')
    .description(
      'Publish the original records again, each once, to the topics that they came from; what would be refused again stays.',
    )
    .option('--dry-run', 'say what would be published, publish nothing')
    .action(async (options: DlqOptions & { dryRun?: boolean }) =>
      (await import('../actions/dlq.ts')).replayLetters(options),
    )
  const command = new Command('dlq').description(
    'Look at the records that services refused (the dead letters), and replay them.',
  )
  for (const each of [list, show, replay]) command.addCommand(each)
  return command.addHelpText(
    'after',
    `
Example:
  velocast dlq list --code schema_unknown_id            then mend what they were refused for
  velocast dlq replay --code schema_unknown_id --dry-run`,
  )
}

function withFilters(command: Command, limit: number, meaning: string): Command {
  return withCommonOptions(command)
    .option('--system <id>', 'only records of this system')
    .option('--code <code>', 'only those refused with this error code')
    .option('--service <name>', 'only those refused by this service')
    .option('--since <moment>', 'only those refused at or after it, like 2026-01-31T07:00:00Z', instant)
    .option('--until <moment>', 'only those refused before it', instant)
    .option('--partition <number>', 'only this partition of the dead letters', wholeNumber)
    .option('--offset <number>', 'only this offset of --partition: names one letter', wholeNumber)
    .option('--limit <count>', meaning, wholeNumber, limit)
}
