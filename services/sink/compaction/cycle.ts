import { DAY_MS, dayName } from '../../domain/bin.ts'
import { hasCode } from '../../platform/errors.ts'
import {
  bronzeDay,
  bronzeDayPrefix,
  bronzePrefix,
  dailyPath,
  dailyPrefix,
  forecastPartsDayPrefix,
  monthlyPrefix,
  perfPath,
} from '../../platform/object-store/layout.ts'
import type { ObjectInfo } from '../../platform/object-store/port.ts'
import { exportPerf, PERF_JOB } from '../export/perf.ts'
import { exportRolling, rollingSources } from '../export/rolling.ts'
import { ROLLING_EVENTS } from '../export/rolling-events.ts'
import { ROLLING_PERF } from '../export/rolling-perf.ts'
import { compactDaily, DAILY_JOB } from './daily.ts'
import type { JobOptions } from './job.ts'
import { compactMonthly, MONTHLY_JOB } from './monthly.ts'

/** Newest days whose performance is looked at again: their last targets, or forecasts, may have come since. */
const PERF_DAYS = 3

export interface CycleOptions extends JobOptions {
  /** The system's watermark, epoch ms: event time alone decides what is due. */
  watermark: number
  /** A day or month is due when the watermark passes its end by this. */
  dueMs: number
  /** What was looked at before and has not changed since, by job and day; kept by the caller between cycles. */
  seen: Map<string, string>
  signal?: AbortSignal
  /** Told of each job's outcome, `failed` and `held` included. */
  onOutcome?: (done: { job: string; outcome: string; unreadable?: number; error?: unknown }) => void
}

/**
 * Compacts what is due of one system: days that have parts, months that have dailies and are not written yet; then
 * exports how the forecasts of record of finished days fared, and writes the rolling exports. A job that fails stops no other; its error is thrown at the end, `lease_held` excepted, for
 * then another process is at it. What has not changed since `seen` is not opened again.
 */
export async function compactDue(options: CycleOptions): Promise<void> {
  const { platform, system, watermark, dueMs, signal } = options
  const errors: unknown[] = []
  const isDue = (end: number): boolean => watermark >= end + dueMs
  const attempt = async (
    job: string,
    work: () => Promise<{ outcome: string; unreadable?: unknown[] }>,
  ): Promise<boolean> => {
    if (signal?.aborted) return false
    try {
      const { outcome, unreadable } = await work()
      options.onOutcome?.({
        job,
        outcome,
        ...(unreadable === undefined ? {} : { unreadable: unreadable.length }),
      })
      return true
    } catch (error) {
      const held = hasCode(error, 'lease_held')
      if (!held) errors.push(error)
      options.onOutcome?.({ job, outcome: held ? 'held' : 'failed', error })
      return false
    }
  }

  /** Days whose performance was exported with their compaction. */
  const exported = new Set<string>()
  const parts = Map.groupBy(await platform.objects.list(bronzePrefix(system)), ({ path }) => bronzeDay(path))
  for (const [day, own] of [...parts].sort()) {
    if (day === null || !isDue(Date.parse(`${day}T00:00:00Z`) + DAY_MS)) continue
    await whenChanged(options, `${DAILY_JOB} ${day}`, own, () =>
      attempt(DAILY_JOB, async () => {
        const report = await compactDaily({ ...jobOptions(options), day })
        for (const perf of report.perf) exported.add(perf.day)
        return report
      }),
    )
  }

  const dailies = await platform.objects.list(dailyPrefix(system))
  const monthlies = await platform.objects.list(monthlyPrefix(system))
  const byMonth = Map.groupBy(dailies, ({ path }) => /(\d{4}-\d{2})-\d{2}\.parquet$/.exec(path)?.[1] ?? null)
  for (const [month, files] of byMonth) {
    if (month === null || !isDue(endOfMonth(month))) continue
    const written = monthlies.filter(({ path }) => path.endsWith(`${month}.parquet`))
    if (written.length > 0 && platform.config.sink.keep_dailies) continue
    await whenChanged(options, `${MONTHLY_JOB} ${month}`, [...files, ...written], () =>
      attempt(MONTHLY_JOB, () => compactMonthly({ ...jobOptions(options), month })),
    )
  }

  const days = (await platform.objects.list(dailyPrefix(system))).map(
    ({ path }) => /(\d{4}-\d{2}-\d{2})\.parquet$/.exec(path)?.[1],
  )
  for (const day of days.slice(-PERF_DAYS)) {
    if (day === undefined) continue
    const next = dayName(Date.parse(`${day}T00:00:00Z`) + DAY_MS)
    const inputs = [...(await platform.objects.list(forecastPartsDayPrefix(system, day)))]
    if (inputs.length === 0) continue
    for (const prefix of [
      dailyPath(system, day),
      dailyPath(system, next),
      `${bronzeDayPrefix(system, next)}hour=0`,
      perfPath(system, day),
    ]) {
      inputs.push(...(await platform.objects.list(prefix)))
    }
    await whenChanged(
      options,
      `${PERF_JOB} ${day}`,
      inputs,
      async () => exported.has(day) || attempt(PERF_JOB, () => exportPerf({ ...jobOptions(options), day })),
    )
  }

  for (const kind of [ROLLING_EVENTS, ROLLING_PERF]) {
    const exports = await platform.objects.list(kind.prefix(system))
    const sources = new Set(rollingSources(exports.map(({ path }) => path)))
    const rolling = await platform.objects.list(kind.path(system))
    const inputs = [...exports.filter(({ path }) => sources.has(path)), ...rolling]
    if (sources.size === 0) continue
    await whenChanged(options, kind.job, inputs, () =>
      attempt(kind.job, () => exportRolling(kind, jobOptions(options))),
    )
  }
  if (errors.length > 0) throw errors[0]
}

/** Runs `work` unless the same objects were there the last time that it succeeded. */
async function whenChanged(
  { seen, system }: CycleOptions,
  name: string,
  inputs: readonly ObjectInfo[],
  work: () => Promise<boolean>,
): Promise<void> {
  const key = `${system} ${name}`
  const state = inputs.map(({ path, generation }) => `${path}@${generation}`).join('\n')
  if (seen.get(key) === state) return
  if (await work()) seen.set(key, state)
}

function jobOptions({
  platform,
  system,
  dryRun,
  onProgress,
  waitMs,
  threads,
  memoryMegabytes,
  fault,
}: CycleOptions): JobOptions {
  const given = { dryRun, onProgress, waitMs, threads, memoryMegabytes, fault }
  const present = Object.entries(given).filter(([, value]) => value !== undefined)
  return { platform, system, ...(Object.fromEntries(present) as Partial<JobOptions>) }
}

/** End of a UTC month, `YYYY-MM`, epoch ms. */
function endOfMonth(month: string): number {
  const [year, number] = month.split('-').map(Number)
  return Date.UTC(year!, number!, 1)
}
