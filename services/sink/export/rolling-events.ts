import { DAY_MS, dayName } from '../../domain/bin.ts'
import { eventsPrefix, rollingEventsPath } from '../../platform/object-store/layout.ts'
import { copyToParquetSql } from '../../platform/parquet/content-facts.ts'
import { readParquetSql } from '../../platform/parquet/duckdb.ts'
import { readParquetMetadata } from '../../platform/parquet/read.ts'
import {
  downloadAll,
  downloadOne,
  type JobContext,
  type JobOptions,
  type LocalCopy,
  runJob,
} from '../compaction/job.ts'
import { firstLine, type Unreadable } from '../compaction/parts.ts'
import { draftFile, publish } from '../compaction/publish.ts'

export const ROLLING_EVENTS_JOB = 'export-rolling-events'
const ROLLING_DAYS = 7

export interface RollingEventsReport {
  system: string
  path: string
  outcome: 'written' | 'unchanged' | 'nothing'
  days: string[]
  unreadable: Unreadable[]
  rows: number
  bytes: number
}

/**
 * Writes the rolling `exports/events.parquet`: the dated exports of the last `rollingDays` (7) UTC days, counted back
 * from the newest that there is, one after the other and so in the same order. Rows stream from file to file.
 */
export function exportRollingEvents(
  options: JobOptions & { rollingDays?: number },
): Promise<RollingEventsReport> {
  const { rollingDays = ROLLING_DAYS } = options
  return runJob(
    { ...options, job: ROLLING_EVENTS_JOB, parameters: { rolling_days: rollingDays } },
    (context) => writeRolling(context, rollingDays),
  )
}

/** Paths of the dated exports that the rolling file is made of, oldest first. */
export function rollingSources(paths: readonly string[], rollingDays = ROLLING_DAYS): string[] {
  const dated = paths.filter((path) => dayOf(path) !== null).sort()
  const newest = dayOf(dated.at(-1) ?? '')
  if (newest === null) return []
  const first = dayName(Date.parse(`${newest}T00:00:00Z`) - (rollingDays - 1) * DAY_MS)
  return dated.filter((path) => dayOf(path)! >= first)
}

function dayOf(path: string): string | null {
  return /\/events_(\d{4}-\d{2}-\d{2})\.parquet$/.exec(path)?.[1] ?? null
}

async function writeRolling(context: JobContext, rollingDays: number): Promise<RollingEventsReport> {
  const { platform, system, database, dryRun = false } = context
  const path = rollingEventsPath(system)
  const listed = await platform.objects.list(eventsPrefix(system))
  const wanted = new Set(
    rollingSources(
      listed.map((info) => info.path),
      rollingDays,
    ),
  )
  const copies = await downloadAll(
    context,
    listed.filter((info) => wanted.has(info.path)),
    'events',
  )
  const sources: { copy: LocalCopy; day: string; metadata: Record<string, string> }[] = []
  const unreadable: Unreadable[] = []
  for (const copy of copies) {
    try {
      sources.push({ copy, day: dayOf(copy.path)!, metadata: await readParquetMetadata(database, copy.file) })
    } catch (error) {
      unreadable.push({ path: copy.path, reason: firstLine(error).replaceAll(copy.file, copy.path) })
    }
  }
  const days = JSON.stringify(Object.fromEntries(sources.map(({ day, metadata }) => [day, metadata])))
  const rows = sources.reduce((sum, { metadata }) => sum + Number(metadata.rows ?? 0), 0)
  const existing = await downloadOne(context, path, 'rolling.parquet')
  const before =
    existing === null ? null : await readParquetMetadata(database, existing.file).catch(() => null)
  const report: RollingEventsReport = {
    system,
    path,
    outcome: sources.length === 0 ? 'nothing' : before?.days === days ? 'unchanged' : 'written',
    days: sources.map(({ day }) => day),
    unreadable,
    rows,
    bytes: existing?.size ?? 0,
  }
  if (dryRun || report.outcome !== 'written') return report
  const file = draftFile(context)
  await database.run(
    copyToParquetSql({
      query: `SELECT * REPLACE (tbin_utc::TIMESTAMP_MS AS tbin_utc, ts_utc::TIMESTAMP_MS AS ts_utc)
        FROM ${readParquetSql(sources.map(({ copy }) => copy.file))}`,
      file,
      metadata: { rows: String(rows), days },
    }),
  )
  report.bytes = (await publish(context, { file, path, replaces: existing })).size
  return report
}
