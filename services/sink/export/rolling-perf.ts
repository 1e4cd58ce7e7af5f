import { perfPrefix, rollingPerfPath } from '../../platform/object-store/layout.ts'
import type { JobOptions } from '../compaction/job.ts'
import { PERF_TIMES } from './perf.ts'
import { exportRolling, type RollingExport, type RollingReport } from './rolling.ts'

/** `exports/perf.parquet`. */
export const ROLLING_PERF: RollingExport = {
  job: 'export-rolling-perf',
  prefix: perfPrefix,
  path: rollingPerfPath,
  times: PERF_TIMES,
}

/** Writes the rolling `exports/perf.parquet`. */
export function exportRollingPerf(options: JobOptions & { rollingDays?: number }): Promise<RollingReport> {
  return exportRolling(ROLLING_PERF, options)
}
