import { eventsPrefix, rollingEventsPath } from '../../platform/object-store/layout.ts'
import type { JobOptions } from '../compaction/job.ts'
import { exportRolling, type RollingExport, type RollingReport } from './rolling.ts'

/** `exports/events.parquet`. */
export const ROLLING_EVENTS: RollingExport = {
  job: 'export-rolling-events',
  prefix: eventsPrefix,
  path: rollingEventsPath,
  times: ['tbin_utc', 'ts_utc'],
}

/** Writes the rolling `exports/events.parquet`. */
export function exportRollingEvents(options: JobOptions & { rollingDays?: number }): Promise<RollingReport> {
  return exportRolling(ROLLING_EVENTS, options)
}
