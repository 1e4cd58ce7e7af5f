import { Command } from 'commander'
import { day, type JobCommandOptions, withJobOptions } from '../options.ts'

export function exportCommand(): Command {
  const events = withJobOptions(new Command('events'))
    .description('Write the events export: of one day with --day, else the rolling file of the last seven.')
    .option('--day <YYYY-MM-DD>', 'UTC day', day)
    .action(async (options: JobCommandOptions & { day?: string }) =>
      (await import('../actions/export.ts')).exportEventsOf(options),
    )
  const perf = withJobOptions(new Command('perf'))
    .description(
      'Write how served forecasts fared: of one day with --day, else the rolling file of the last seven.',
    )
    .option('--day <YYYY-MM-DD>', 'UTC day, of the bins that were forecast from', day)
    .action(async (options: JobCommandOptions & { day?: string }) =>
      (await import('../actions/export.ts')).exportPerfOf(options),
    )
  return new Command('export')
    .description('Write exports by hand; the sink does it by itself.')
    .addCommand(events.exitOverride())
    .addCommand(perf.exitOverride())
}
