import { compactDaily, type DailyReport } from '../../sink/compaction/daily.ts'
import { compactMonthly, type MonthlyReport } from '../../sink/compaction/monthly.ts'
import { runJobs } from '../jobs.ts'
import type { JobCommandOptions } from '../options.ts'

export function compactDay(options: JobCommandOptions & { day: string }): Promise<void> {
  return runJobs(options, {
    job: (context) => compactDaily({ ...context, day: options.day }),
    text: describeDaily,
  })
}

export function compactMonth(options: JobCommandOptions & { month: string }): Promise<void> {
  return runJobs(options, {
    job: (context) => compactMonthly({ ...context, month: options.month }),
    text: describeMonthly,
  })
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
