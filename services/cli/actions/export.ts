import { exportEvents } from '../../sink/export/events.ts'
import { exportRollingEvents } from '../../sink/export/rolling-events.ts'
import { runJobs } from '../jobs.ts'
import type { JobCommandOptions } from '../options.ts'

/** The dated export of a day, or the rolling one without a day. */
export function exportEventsOf(options: JobCommandOptions & { day?: string }): Promise<void> {
  const { day } = options
  return runJobs<{ path: string; outcome: string; rows: number; bytes: number }>(options, {
    job: (context) => (day === undefined ? exportRollingEvents(context) : exportEvents({ ...context, day })),
    text: ({ path, outcome, rows, bytes }) => `${path}: ${outcome}, ${rows} rows, ${bytes} bytes`,
  })
}
