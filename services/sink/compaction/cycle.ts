import { DAY_MS } from '../../domain/bin.ts'
import { hasCode } from '../../platform/errors.ts'
import {
  bronzeDay,
  bronzePrefix,
  dailyPrefix,
  eventsPrefix,
  monthlyPrefix,
  rollingEventsPath,
} from '../../platform/object-store/layout.ts'
import type { ObjectInfo } from '../../platform/object-store/port.ts'
import { exportRollingEvents, ROLLING_EVENTS_JOB, rollingSources } from '../export/rolling-events.ts'
import { compactDaily, DAILY_JOB } from './daily.ts'
import type { JobOptions } from './job.ts'
import { compactMonthly, MONTHLY_JOB } from './monthly.ts'

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
 * Compacts what is due of one system: days that have parts, months that have dailies and are not written yet, then
 * the rolling export. A job that fails stops no other; its error is thrown at the end, `lease_held` excepted, for
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

  const days = Map.groupBy(await platform.objects.list(bronzePrefix(system)), ({ path }) => bronzeDay(path))
  for (const [day, parts] of [...days].sort()) {
    if (day === null || !isDue(Date.parse(`${day}T00:00:00Z`) + DAY_MS)) continue
    await whenChanged(options, `${DAILY_JOB} ${day}`, parts, () =>
      attempt(DAILY_JOB, () => compactDaily({ ...jobOptions(options), day })),
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

  const exports = await platform.objects.list(eventsPrefix(system))
  const sources = new Set(rollingSources(exports.map(({ path }) => path)))
  const rolling = await platform.objects.list(rollingEventsPath(system))
  const inputs = [...exports.filter(({ path }) => sources.has(path)), ...rolling]
  if (sources.size > 0) {
    await whenChanged(options, ROLLING_EVENTS_JOB, inputs, () =>
      attempt(ROLLING_EVENTS_JOB, () => exportRollingEvents(jobOptions(options))),
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
