import { exportEvents } from '../../sink/export/events.ts'
import { exportPerf } from '../../sink/export/perf.ts'
import { exportRollingEvents } from '../../sink/export/rolling-events.ts'
import { exportRollingPerf } from '../../sink/export/rolling-perf.ts'
import { runJobs } from '../jobs.ts'
import type { JobCommandOptions } from '../options.ts'

interface Report {
  path: string
  outcome: string
  rows: number
  bytes: number
}

const text = ({ path, outcome, rows, bytes }: Report): string =>
  `${path}: ${outcome}, ${rows} rows, ${bytes} bytes`

/** The dated export of a day, or the rolling one without a day. */
export function exportEventsOf(options: JobCommandOptions & { day?: string }): Promise<void> {
  const { day } = options
  return runJobs<Report>(options, {
    job: (context) => (day === undefined ? exportRollingEvents(context) : exportEvents({ ...context, day })),
    text,
  })
}

/** How a day's forecasts fared, or the rolling export without a day. */
export function exportPerfOf(options: JobCommandOptions & { day?: string }): Promise<void> {
  const { day } = options
  return runJobs<Report>(options, {
    job: (context) => (day === undefined ? exportRollingPerf(context) : exportPerf({ ...context, day })),
    text,
  })
}
