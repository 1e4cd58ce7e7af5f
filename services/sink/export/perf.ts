import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { DAY_MS, dayName, HOUR_MS } from '../../domain/bin.ts'
import { VelocastError } from '../../platform/errors.ts'
import {
  bronzeDay,
  bronzeDayPrefix,
  forecastPartsDayPrefix,
  perfPath,
} from '../../platform/object-store/layout.ts'
import { OBSERVATION_COLUMNS } from '../../platform/parquet/columns.ts'
import { copyToParquetSql } from '../../platform/parquet/content-facts.ts'
import { readParquetSql } from '../../platform/parquet/duckdb.ts'
import { servedForecastsSql } from '../../platform/parquet/served-forecasts-sql.ts'
import { findDay } from '../compaction/history.ts'
import {
  downloadAll,
  downloadOne,
  fitMemory,
  type JobContext,
  type JobOptions,
  runJob,
} from '../compaction/job.ts'
import { draftFile, publish } from '../compaction/publish.ts'

export const PERF_JOB = 'export-perf'

/** Version of the export's columns and rules. */
const PERF_VERSION = '1'
/** Hours of the next day that can hold a target: the longest horizon that the configuration takes is 4 hours. */
const TARGET_HOURS = 4

/** Columns that hold milliseconds. */
export const PERF_TIMES = ['tbin_utc', 'target_utc', 'predicted_utc', 'ts_utc'] as const

export interface PerfReport {
  system: string
  day: string
  path: string
  /** `nothing`: the day has no daily file or no forecasts of record. In a dry run what would have been. */
  outcome: 'written' | 'unchanged' | 'nothing'
  rows: number
  /** Rows whose forecast could be compared with what came true. */
  scored: number
  bytes: number
}

/**
 * Writes `exports/perf_<day>.parquet`: one row a forecast of record (T, station, horizon) of the UTC day, with what came
 * true at exactly T + h, also after midnight, sorted by (tbin_utc, station_id, horizon_bins). Forecasts are those that
 * were served, with their model version and prediction time; nothing is predicted anew. The bytes follow from the forecasts
 * of record and the observations; a file that has them already is left as it is.
 */
export function exportPerf(options: JobOptions & { day: string }): Promise<PerfReport> {
  const { day } = options
  return runJob({ ...options, job: PERF_JOB, parameters: { day } }, (context) => writePerf(context, day))
}

async function writePerf(context: JobContext, day: string): Promise<PerfReport> {
  const { platform, system, database, dryRun = false, step, onProgress } = context
  const path = perfPath(system, day)
  const report: PerfReport = { system, day, path, outcome: 'nothing', rows: 0, scored: 0, bytes: 0 }
  await step('leased')
  const listed = await platform.objects.list(forecastPartsDayPrefix(system, day))
  if (listed.length === 0) return report
  const own = await findDay(context, day)
  if (own === null) return report
  const parts = await downloadAll(context, listed, 'forecasts')
  const targets = [own.from, ...(await nextDay(context, day))]
  const columns = OBSERVATION_COLUMNS.map(({ name }) => `"${name}"`).join(', ')
  const observations = `(${targets.map((from) => `SELECT ${columns} FROM ${from}`).join(' UNION ALL ')})`
  const forecasts = readParquetSql(parts.map(({ file }) => file))
  const [size] = await database.rows(
    `SELECT (SELECT count(*) FROM ${forecasts}) + (SELECT count(*) FROM ${observations}) AS size`,
  )
  await fitMemory(context, Number(size!.size))
  await step('read')

  const file = draftFile(context)
  await database.run(
    `CREATE TEMP TABLE perf AS SELECT * FROM ${perfSql(servedForecastsSql({ forecasts, observations }))}`,
  )
  const [counts] = await database.rows('SELECT count(*) AS n, count(y_true) AS scored FROM perf')
  Object.assign(report, { rows: Number(counts!.n), scored: Number(counts!.scored) })
  const metadata = { perf_version: PERF_VERSION, rows: String(report.rows), scored: String(report.scored) }
  const query = 'SELECT * FROM perf ORDER BY tbin_utc, station_id, horizon_bins'
  await database.run(copyToParquetSql({ query, file, metadata }))
  await database.run('DROP TABLE perf')
  onProgress?.({ step: 'merge', done: 1, total: 1 })
  const existing = await downloadOne(context, path, 'perf.parquet')
  const same = existing !== null && (await sha256(existing.file)) === (await sha256(file))
  report.outcome = same ? 'unchanged' : 'written'
  report.bytes = existing?.size ?? 0
  if (dryRun || same) return report
  report.bytes = (await publish(context, { file, path, replaces: existing })).size
  await step('published')
  return report
}

/**
 * SQL of the first hours of the next day: its bronze parts, then its daily file. In this order, for compaction
 * publishes the daily before it deletes the parts.
 */
async function nextDay(context: JobContext, day: string): Promise<string[]> {
  const { platform, system } = context
  const start = Date.parse(`${day}T00:00:00Z`) + DAY_MS
  const next = dayName(start)
  const end = new Date(start + TARGET_HOURS * HOUR_MS).toISOString().slice(11, 13)
  const listed = (await platform.objects.list(bronzeDayPrefix(system, next))).filter(
    ({ path }) => bronzeDay(path) === next && /\/hour=(\d{2})\//.exec(path)![1]! < end,
  )
  const copies = await downloadAll(context, listed, 'next')
  const finished = await findDay(context, next)
  if (copies.length < listed.length && finished === null) {
    throw new VelocastError({
      code: 'store_object_missing',
      message: `bronze parts vanished while they were read and there is no daily file, run again: ${system} ${next}`,
      data: { system, day: next },
    })
  }
  const bronze = copies.length === 0 ? [] : [readParquetSql(copies.map(({ file }) => file))]
  if (finished === null) return bronze
  const limit = `epoch_ms(tbin_utc) < ${start + TARGET_HOURS * HOUR_MS}`
  return [...bronze, `(SELECT * FROM ${finished.from} WHERE ${limit})`]
}

/** Counts are BIGINT, times of day TINYINT, times milliseconds. `y_true` is null where nothing can be said. */
function perfSql(served: string): string {
  const known = (name: string): string => `CASE WHEN change IS NOT NULL THEN ${name} END::BIGINT`
  return `(SELECT
    tbin_utc::TIMESTAMP_MS AS tbin_utc, station_id, (horizon_min / 5)::INTEGER AS horizon_bins,
    ${known('true_bikes')} AS y_true, bikes::BIGINT AS y_baseline_persist, bikes_median::BIGINT AS y_pred_int,
    bikes::BIGINT AS bikes, capacity::BIGINT AS capacity,
    CASE WHEN capacity > 0 THEN bikes::DOUBLE / capacity END AS occ_ratio,
    hour(tbin_utc)::TINYINT AS h, minute(tbin_utc)::TINYINT AS min,
    horizon_min, target_utc::TIMESTAMP_MS AS target_utc, predicted_utc::TIMESTAMP_MS AS predicted_utc, model_version,
    poll_id, ts_utc::TIMESTAMP_MS AS ts_utc, stale, docks::BIGINT AS docks, bikes_mean AS y_pred,
    bikes_q10, bikes_q50, bikes_q90, p_bike, p_dock, docks_median::BIGINT AS docks_pred_int,
    ${known('true_docks')} AS docks_true, source_in_service, target_in_service
  FROM ${served})`
}

async function sha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
}
