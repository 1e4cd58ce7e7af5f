import { Command } from 'commander'
import { compactDaily } from '../../sink/compaction/daily.ts'
import { compactMonthly } from '../../sink/compaction/monthly.ts'
import { openPlatform } from '../composition.ts'
import { type CommonOptions, day, month, setting, systemsOf, withCommonOptions } from '../options.ts'

interface CompactOptions extends CommonOptions {
  system?: string
  dryRun?: boolean
}

export function compactCommand(): Command {
  const daily = withOwnOptions(new Command('daily'))
    .description('Merge a day of bronze parts into its daily file, verify, then purge the parts.')
    .requiredOption('--day <YYYY-MM-DD>', 'UTC day', day)
    .action((options: CompactOptions & { day: string }) =>
      compact(options, (context) => compactDaily({ ...context, day: options.day })),
    )
  const monthly = withOwnOptions(new Command('monthly'))
    .description('Merge the daily files of a month into its monthly file.')
    .requiredOption('--month <YYYY-MM>', 'UTC month', month)
    .action((options: CompactOptions & { month: string }) =>
      compact(options, (context) => compactMonthly({ ...context, month: options.month })),
    )
  return new Command('compact')
    .description('Compact Parquet files by hand; the sink does it by itself.')
    .addCommand(daily)
    .addCommand(monthly)
}

function withOwnOptions(command: Command): Command {
  return withCommonOptions(command)
    .option('--system <id>', 'one system; default all configured')
    .option('--dry-run', 'read and report, write and delete nothing (or DRY_RUN=1)')
    .exitOverride()
}
