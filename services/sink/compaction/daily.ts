import { DAY_MS, dayName } from '../../domain/bin.ts'
import {
  bronzeDay,
  bronzeDayPrefix,
  dailyPath,
  forecastPartsDayPrefix,
  monthlyPath,
} from '../../platform/object-store/layout.ts'
import { OBSERVATION_COLUMNS } from '../../platform/parquet/columns.ts'
import { factsFromMetadata } from '../../platform/parquet/content-facts.ts'
import { type EventsReport, exportEvents } from '../export/events.ts'
import { exportPerf, type PerfReport } from '../export/perf.ts'
import { findDay, readable } from './history.ts'
import { downloadAll, fitMemory, type JobContext, type JobOptions, type LocalCopy, runJob } from './job.ts'
import {
  chooseLast,
  countCandidates,
  createObservationTable,
  dropObservations,
  writeObservations,
} from './merge.ts'
import { compactMonthly, type MonthlyReport } from './monthly.ts'
import { loadParts, type Unreadable, verifyParts } from './parts.ts'
import { draftFile, nested, publish, purge, readBack } from './publish.ts'

export const DAILY_JOB = 'compact-daily'

const OBSERVATIONS = OBSERVATION_COLUMNS.map(({ name }) => `"${name}"`).join(', ')

export interface DailyReport {
  system: string
  day: string
  path: string
  /** `nothing`: there was no part and no daily. In a dry run what would have been. */
  outcome: 'written' | 'unchanged' | 'nothing'
  rows: number
  content_hash: string
  /** Size of the daily file, bytes. */
  bytes: number
  parts: number
  unreadable: Unreadable[]
  /** Parts with a (station, bin) that the daily lacks: kept. */
  unverified: string[]
  purged: number
  fencing_token: number
  events: EventsReport | null
  /** How the forecasts of the day before fared, whose last targets are in this day, and those of this day. */
  perf: PerfReport[]
  /** Null when there is no monthly file of the month. */
  month: MonthlyReport | null
}

/**
 * Merges a UTC day's bronze parts into its daily file. Any number of runs and orders give one file.
 *
 * Protocol (`fault` is called with the name of each step after it):
 * 1. `leased`: the lease `<system>/leases/compact-daily.json` is taken.
 * 2. `read`: parts and the daily (or the day's rows in its month) are downloaded; unreadable parts are set aside,
 *    an unreadable daily ends the run with `store_object_unreadable`.
 * 3. `merged`: of each (station, bin) the last observation is chosen, in the domain's order.
 * 4. `published`: the lease is renewed; the file is written over the generation that was read, unless its content
 *    is the same.
 * 5. `refreshed`: the day's exports, and its month where that is already there, follow. They come before the
 *    purge, so that a stop here leaves the parts, and with them the next run's reason to do it again.
 * 6. `verified`: the published object is read back; a part is verified when each of its (station, bin) is in it.
 * 7. The lease is renewed; verified parts are deleted, by the generation that was listed (`config.sink.purge_bronze`).
 *
 * Throws `lease_held`, `lease_lost`, `store_precondition_failed` (another wrote the daily: run again), store errors.
 * Memory: the database's bound, which spills beyond (`fitMemory`), and about 330 MB of process.
 */
export function compactDaily(options: JobOptions & { day: string }): Promise<DailyReport> {
  const { day } = options
  return runJob({ ...options, job: DAILY_JOB, parameters: { day } }, (context) => compact(context, day))
}

async function compact(context: JobContext, day: string): Promise<DailyReport> {
  const { platform, system, database, dryRun = false, step, onProgress } = context
  const { objects } = platform
  const path = dailyPath(system, day)
  await step('leased')

  const listed = await objects.list(bronzeDayPrefix(system, day))
  const copies = await downloadAll(
    context,
    listed.filter((info) => bronzeDay(info.path) === day),
    'part',
  )
  const existing = await findDay(context, day)
  await createObservationTable(database)
  const loaded = await loadParts({ database, table: 'candidates', copies })
  await step('read')

  const report: DailyReport = {
    system,
    day,
    path,
    outcome: 'nothing',
    rows: 0,
    content_hash: '',
    bytes: existing?.daily?.size ?? 0,
    parts: copies.length,
    unreadable: loaded.unreadable,
    unverified: [],
    purged: 0,
    fencing_token: context.token,
    events: null,
    perf: [],
    month: null,
  }
  if (loaded.readable.length === 0 && existing?.daily == null) return report

  onProgress?.({ step: 'merge', done: 0, total: 1 })
  if (existing !== null) {
    const append = `INSERT INTO candidates SELECT ${OBSERVATIONS} FROM ${existing.from}`
    await readable(existing, () => database.run(append))
  }
  await fitMemory(context, await countCandidates(database))
  const facts = await chooseLast({ database, day })
  Object.assign(report, { rows: facts.rows, content_hash: facts.content_hash })
  onProgress?.({ step: 'merge', done: 1, total: 1 })
  await step('merged')

  const before = existing?.daily == null ? null : factsFromMetadata(existing.metadata)
  const same = before?.content_hash === facts.content_hash && before.rows === facts.rows
  report.outcome = same ? 'unchanged' : 'written'
  if (dryRun) return report

  let published: LocalCopy | null = same ? existing!.daily : null
  if (!same) {
    const file = draftFile(context)
    await writeObservations({ database, from: 'chosen', file, facts })
    report.bytes = (await publish(context, { file, path, replaces: existing?.daily ?? null })).size
    published = await readBack(context, path)
  }
  await dropObservations(database)
  onProgress?.({ step: 'publish', done: 1, total: 1 })
  await step('published')

  report.events = await exportEvents({ ...nested(context), day })
  const dayBefore = dayName(Date.parse(`${day}T00:00:00Z`) - DAY_MS)
  for (const each of [dayBefore, day]) {
    const forecasts = await objects.list(forecastPartsDayPrefix(system, each))
    if (forecasts.length > 0) report.perf.push(await exportPerf({ ...nested(context), day: each }))
  }
  const [month] = await objects.list(monthlyPath(system, day.slice(0, 7)))
  if (month !== undefined) report.month = await compactMonthly({ ...nested(context), month: day.slice(0, 7) })
  await step('refreshed')

  if (!platform.config.sink.purge_bronze || published === null) return report
  const { verified, unverified } = await verifyParts({
    database,
    published: published.file,
    parts: loaded.readable,
  })
  report.unverified = unverified.map((part) => part.path)
  onProgress?.({ step: 'verify', done: loaded.readable.length, total: loaded.readable.length })
  await step('verified')

  report.purged = await purge(context, verified)
  return report
}
