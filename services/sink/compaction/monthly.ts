import { dailyPrefix, monthlyPath } from '../../platform/object-store/layout.ts'
import { OBSERVATION_COLUMNS } from '../../platform/parquet/columns.ts'
import {
  type ContentFacts,
  contentFactsByDay,
  factsFromMetadata,
  mergeContentFacts,
} from '../../platform/parquet/content-facts.ts'
import { readParquetSql } from '../../platform/parquet/duckdb.ts'
import { readParquetMetadata } from '../../platform/parquet/read.ts'
import { type FinishedMonth, findMonth, isDaySql } from './history.ts'
import { downloadAll, fitMemory, type JobContext, type JobOptions, type LocalCopy, runJob } from './job.ts'
import { writeObservations } from './merge.ts'
import { firstLine, type Unreadable } from './parts.ts'
import { draftFile, publish, purge, readBack } from './publish.ts'

export const MONTHLY_JOB = 'compact-monthly'

export interface MonthlyReport {
  system: string
  month: string
  path: string
  /** `nothing`: there was no daily and no monthly file. In a dry run what would have been. */
  outcome: 'written' | 'unchanged' | 'nothing'
  rows: number
  content_hash: string
  /** Size of the monthly file, bytes. */
  bytes: number
  days: number
  unreadable: Unreadable[]
  /** Dailies whose rows the month does not hold as they are: kept. */
  unverified: string[]
  purged: number
  fencing_token: number
}

/**
 * Merges the daily files of a UTC month into its monthly file. Each day comes from its daily file; days whose daily
 * was purged stay as the month has them. Days do not share keys, so nothing is chosen here, only sorted.
 *
 * Protocol (`fault` is called with the name of each step after it):
 * 1. `leased`: the lease `<system>/leases/compact-monthly.json` is taken.
 * 2. `read`: dailies and the month are downloaded and their facts read; unreadable dailies are set aside, an
 *    unreadable month ends the run with `store_object_unreadable`.
 * 3. `published`: unless every day's facts are the month's already, the file is sorted and written over the
 *    generation that was read.
 * 4. `verified`, only with `config.sink.keep_dailies` off: the published object is read back, and a daily is
 *    verified when rows and content hash of its day, computed anew, are its own.
 * 5. The lease is renewed; verified dailies are deleted, by the generation that was read.
 *
 * Memory: the database's bound (`fitMemory`) and about 330 MB of process; a month of 13 million rows is sorted
 * through the disk (about 3 GB of temporary space).
 */
export function compactMonthly(options: JobOptions & { month: string }): Promise<MonthlyReport> {
  const { month } = options
  return runJob({ ...options, job: MONTHLY_JOB, parameters: { month } }, (context) => compact(context, month))
}

interface ReadableDaily {
  day: string
  copy: LocalCopy
  facts: ContentFacts
}

async function compact(context: JobContext, month: string): Promise<MonthlyReport> {
  const { platform, system, database, dryRun = false, step, onProgress } = context
  const path = monthlyPath(system, month)
  await step('leased')

  const listed = await platform.objects.list(`${dailyPrefix(system)}${month}-`)
  const { dailies, unreadable } = await readDailies(context, await downloadAll(context, listed, 'daily'))
  const existing = await findMonth(context, month)
  await step('read')

  const days = new Map<string, ContentFacts>(Object.entries(existing?.days ?? {}))
  for (const { day, facts } of dailies) days.set(day, facts)
  const facts = mergeContentFacts(days.values())
  const report: MonthlyReport = {
    system,
    month,
    path,
    outcome: 'nothing',
    rows: facts.rows,
    content_hash: facts.content_hash,
    bytes: existing?.copy.size ?? 0,
    days: days.size,
    unreadable,
    unverified: [],
    purged: 0,
    fencing_token: context.token,
  }
  if (days.size === 0) return report
  const sorted = Object.fromEntries([...days].sort(([a], [b]) => (a < b ? -1 : 1)))
  const same = existing !== null && JSON.stringify(existing.days) === JSON.stringify(sorted)
  report.outcome = same ? 'unchanged' : 'written'
  if (dryRun) return report

  if (!same) {
    await fitMemory(context, facts.rows)
    onProgress?.({ step: 'merge', done: 0, total: facts.rows })
    const file = draftFile(context)
    await writeObservations({
      database,
      from: unionSql(dailies, existing),
      file,
      facts,
      metadata: { days: JSON.stringify(sorted) },
    })
    onProgress?.({ step: 'merge', done: facts.rows, total: facts.rows })
    report.bytes = (await publish(context, { file, path, replaces: existing?.copy ?? null })).size
  }
  onProgress?.({ step: 'publish', done: 1, total: 1 })
  await step('published')

  if (platform.config.sink.keep_dailies || dailies.length === 0) return report
  const published = await readBack(context, path)
  const held = published === null ? null : await contentFactsByDay(database, readParquetSql([published.file]))
  const isHeld = ({ day, facts: { rows, content_hash } }: ReadableDaily): boolean =>
    held?.get(day)?.rows === rows && held.get(day)?.content_hash === content_hash
  report.unverified = dailies.filter((daily) => !isHeld(daily)).map(({ copy }) => copy.path)
  onProgress?.({ step: 'verify', done: dailies.length, total: dailies.length })
  await step('verified')

  report.purged = await purge(
    context,
    dailies.filter(isHeld).map(({ copy }) => copy),
  )
  return report
}

async function readDailies(
  context: JobContext,
  copies: readonly LocalCopy[],
): Promise<{ dailies: ReadableDaily[]; unreadable: Unreadable[] }> {
  const dailies: ReadableDaily[] = []
  const unreadable: Unreadable[] = []
  for (const copy of copies) {
    const day = /(\d{4}-\d{2}-\d{2})\.parquet$/.exec(copy.path)?.[1]
    if (day === undefined) continue
    try {
      const facts = factsFromMetadata(await readParquetMetadata(context.database, copy.file))
      if (facts === null) throw new Error('metadata without rows and content hash')
      dailies.push({ day, copy, facts })
    } catch (error) {
      unreadable.push({ path: copy.path, reason: firstLine(error).replaceAll(copy.file, copy.path) })
    }
  }
  return { dailies, unreadable }
}

const COLUMNS = OBSERVATION_COLUMNS.map(({ name }) => `"${name}"`).join(', ')

/** The dailies' rows, and of the month those of days without a readable daily. */
function unionSql(dailies: readonly ReadableDaily[], existing: FinishedMonth | null): string {
  const own = new Set(dailies.map(({ day }) => day))
  const selects = dailies.length === 0 ? [] : [readParquetSql(dailies.map(({ copy }) => copy.file))]
  const kept = Object.keys(existing?.days ?? {}).filter((day) => !own.has(day))
  if (existing !== null && kept.length > 0) {
    selects.push(
      `${readParquetSql([existing.copy.file])} WHERE ${kept.map((day) => `(${isDaySql(day)})`).join(' OR ')}`,
    )
  }
  return `(${selects.map((from) => `SELECT ${COLUMNS} FROM ${from}`).join(' UNION ALL ')})`
}
