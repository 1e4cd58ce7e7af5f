import { Command } from 'commander'
import { exportEvents } from '../../sink/export/events.ts'
import { exportRollingEvents } from '../../sink/export/rolling-events.ts'
import { type JobCommandOptions, runJobs, withJobOptions } from '../jobs.ts'
import { day } from '../options.ts'

export function exportCommand(): Command {
  const events = withJobOptions(new Command('events'))
    .description('Write the events export: of one day with --day, else the rolling file of the last seven.')
    .option('--day <YYYY-MM-DD>', 'UTC day', day)
    .action((options: JobCommandOptions & { day?: string }) => {
      const { day: chosen } = options
      return runJobs<{ path: string; outcome: string; rows: number; bytes: number }>(options, {
        job: (context) =>
          chosen === undefined ? exportRollingEvents(context) : exportEvents({ ...context, day: chosen }),
        text: ({ path, outcome, rows, bytes }) => `${path}: ${outcome}, ${rows} rows, ${bytes} bytes`,
      })
    })
  return new Command('export')
    .description('Write exports by hand; the sink does it by itself.')
    .addCommand(events.exitOverride())
}
