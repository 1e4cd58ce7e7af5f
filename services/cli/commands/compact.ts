import { Command } from 'commander'
import { compactDaily, type DailyReport } from '../../sink/compaction/daily.ts'
import { compactMonthly, type MonthlyReport } from '../../sink/compaction/monthly.ts'
import { type JobCommandOptions, runJobs, withJobOptions } from '../jobs.ts'
import { day, month } from '../options.ts'

export function compactCommand(): Command {
  const daily = withJobOptions(new Command('daily'))
    .description('Merge a day of bronze parts into its daily file, verify it, then purge the parts.')
    .requiredOption('--day <YYYY-MM-DD>', 'UTC day', day)
    .action((options: JobCommandOptions & { day: string }) =>
      runJobs(options, {
        job: (context) => compactDaily({ ...context, day: options.day }),
        text: describeDaily,
      }),
    )
  const monthly = withJobOptions(new Command('monthly'))
    .description('Merge the daily files of a month into its monthly file.')
    .requiredOption('--month <YYYY-MM>', 'UTC month', month)
    .action((options: JobCommandOptions & { month: string }) =>
      runJobs(options, {
        job: (context) => compactMonthly({ ...context, month: options.month }),
        text: describeMonthly,
      }),
    )
  return new Command('compact')
    .description('Compact Parquet files by hand; the sink does it by itself.')
    .addCommand(daily.exitOverride())
    .addCommand(monthly.exitOverride())
}

function describeDaily({
  path,
  outcome,
  rows,
  bytes,
  parts,
  purged,
  unreadable,
  unverified,
}: DailyReport): string {
  const kept = [
    ...unreadable.map(({ path: part }) => `unreadable, kept: ${part}`),
    ...unverified.map((part) => `unverified, kept: ${part}`),
  ]
  return [
    `${path}: ${outcome}, ${rows} rows, ${bytes} bytes, ${parts} parts, ${purged} purged`,
    ...kept,
  ].join('\n  ')
}

function describeMonthly({ path, outcome, rows, bytes, days, purged, unreadable }: MonthlyReport): string {
  const kept = unreadable.map(({ path: part }) => `unreadable, kept: ${part}`)
  return [`${path}: ${outcome}, ${rows} rows, ${bytes} bytes, ${days} days, ${purged} purged`, ...kept].join(
    '\n  ',
  )
}
