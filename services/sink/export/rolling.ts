import { DAY_MS, dayName } from '../../domain/bin.ts'
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

const ROLLING_DAYS = 7

/** A kind of dated export, and the rolling file of its last days. */
export interface RollingExport {
  job: string
  /** Of the dated exports: what stands before `YYYY-MM-DD.parquet`. */
  prefix(system: string): string
  path(system: string): string
  /** Columns that hold milliseconds, which reading widens. */
  times: readonly string[]
}

export interface RollingReport {
  system: string
  path: string
  outcome: 'written' | 'unchanged' | 'nothing'
  days: string[]
  unreadable: Unreadable[]
  rows: number
  bytes: number
}

/**
 * Writes a rolling file: the dated exports of the last `rollingDays` (7) UTC days, counted back from the newest that
 * there is, one after the other and so in the same order. Rows stream from file to file.
 */
export function exportRolling(
  kind: RollingExport,
  options: JobOptions & { rollingDays?: number },
): Promise<RollingReport> {
  const { rollingDays = ROLLING_DAYS } = options
  const parameters = { rolling_days: rollingDays }
  return runJob({ ...options, job: kind.job, parameters }, (context) =>
    writeRolling(context, kind, rollingDays),
  )
}

/** Paths of the dated exports that a rolling file is made of, oldest first. */
export function rollingSources(paths: readonly string[], rollingDays = ROLLING_DAYS): string[] {
  const dated = paths.filter((path) => dayOf(path) !== null).sort()
  const newest = dayOf(dated.at(-1) ?? '')
  if (newest === null) return []
  const first = dayName(Date.parse(`${newest}T00:00:00Z`) - (rollingDays - 1) * DAY_MS)
  return dated.filter((path) => dayOf(path)! >= first)
}

function dayOf(path: string): string | null {
  return /_(\d{4}-\d{2}-\d{2})\.parquet$/.exec(path)?.[1] ?? null
}

async function writeRolling(
  context: JobContext,
  kind: RollingExport,
  rollingDays: number,
): Promise<RollingReport> {
  const { platform, system, database, dryRun = false } = context
  const path = kind.path(system)
  const listed = await platform.objects.list(kind.prefix(system))
  const wanted = new Set(
    rollingSources(
      listed.map((info) => info.path),
      rollingDays,
    ),
  )
  const copies = await downloadAll(
    context,
    listed.filter((info) => wanted.has(info.path)),
    'dated',
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
  const report: RollingReport = {
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
  const times = kind.times.map((name) => `"${name}"::TIMESTAMP_MS AS "${name}"`).join(', ')
  await database.run(
    copyToParquetSql({
      query: `SELECT * REPLACE (${times}) FROM ${readParquetSql(sources.map(({ copy }) => copy.file))}`,
      file,
      metadata: { rows: String(rows), days },
    }),
  )
  report.bytes = (await publish(context, { file, path, replaces: existing })).size
  return report
}
