import { Command } from 'commander'
import { day, type JobCommandOptions, month, withJobOptions } from '../options.ts'

export function compactCommand(): Command {
  const daily = withJobOptions(new Command('daily'))
    .description('Merge a day of bronze parts into its daily file, verify it, then purge the parts.')
    .requiredOption('--day <YYYY-MM-DD>', 'UTC day', day)
    .action(async (options: JobCommandOptions & { day: string }) =>
      (await import('../actions/compact.ts')).compactDay(options),
    )
  const monthly = withJobOptions(new Command('monthly'))
    .description('Merge the daily files of a month into its monthly file.')
    .requiredOption('--month <YYYY-MM>', 'UTC month', month)
    .action(async (options: JobCommandOptions & { month: string }) =>
      (await import('../actions/compact.ts')).compactMonth(options),
    )
  return new Command('compact')
    .description('Compact Parquet files by hand; the sink does it by itself.')
    .addCommand(daily.exitOverride())
    .addCommand(monthly.exitOverride())
}
