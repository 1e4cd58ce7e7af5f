import { Command } from 'commander'
import { type CommonOptions, day, withCommonOptions } from '../options.ts'

export function parityCommand(): Command {
  return withCommonOptions(new Command('parity'))
    .description(
      'Recompute what the served models were given from Parquet, and compare: the difference must be 0.',
    )
    .requiredOption('--day <YYYY-MM-DD>', 'UTC day, of the bins that were forecast from', day)
    .option('--system <id>', 'one system; default all configured')
    .action(async (options: CommonOptions & { day: string; system?: string }) =>
      (await import('../actions/parity.ts')).parity(options),
    )
}
