import { DEFAULT_LEVEL_THRESHOLDS, type LevelThresholds } from '../../domain/levels.ts'
import { eventsPath } from '../../platform/object-store/layout.ts'
import {
  contentFacts,
  copyToParquetSql,
  factsFromMetadata,
  factsMetadata,
} from '../../platform/parquet/content-facts.ts'
import { quote } from '../../platform/parquet/duckdb.ts'
import { levelSql } from '../../platform/parquet/level-sql.ts'
import { readParquetMetadata } from '../../platform/parquet/read.ts'
import { findDay, readable } from '../compaction/history.ts'
import { downloadOne, fitMemory, type JobContext, type JobOptions, runJob } from '../compaction/job.ts'
import { draftFile, publish } from '../compaction/publish.ts'
import { STATUS_CODES, UNKNOWN_STATUS_CODE } from './status-code.ts'

const EVENTS_JOB = 'export-events'

/** Version of the export's columns and rules; a change of either raises it, and every file is then written anew. */
const EVENTS_VERSION = '1'

export interface EventsReport {
  system: string
  day: string
  path: string
  /** `nothing`: the day has no daily file. In a dry run what would have been. */
  outcome: 'written' | 'unchanged' | 'nothing'
  rows: number
  bytes: number
}

/**
 * Writes `exports/events_<day>.parquet` from a finished day: one row a station and bin, sorted by
 * (tbin_utc, station_id), with status code, occupancy, penury, saturation and level. The bytes follow from the day's
 * content and the thresholds; a file that was made of the same is left as it is.
 */
export function exportEvents(
  options: JobOptions & { day: string; thresholds?: LevelThresholds },
): Promise<EventsReport> {
  const { day, thresholds = DEFAULT_LEVEL_THRESHOLDS } = options
  const parameters = { day, ...thresholds }
  return runJob({ ...options, job: EVENTS_JOB, parameters }, (context) =>
    writeEvents(context, day, thresholds),
  )
}

async function writeEvents(
  context: JobContext,
  day: string,
  thresholds: LevelThresholds,
): Promise<EventsReport> {
  const { system, database, dryRun = false, step, onProgress } = context
  const path = eventsPath(system, day)
  const report: EventsReport = { system, day, path, outcome: 'nothing', rows: 0, bytes: 0 }
  await step('leased')
  const finished = await findDay(context, day)
  if (finished === null) return report

  const facts = await readable(finished, async () => {
    return factsFromMetadata(finished.metadata) ?? contentFacts(database, finished.from)
  })
  const metadata = {
    ...factsMetadata(facts),
    events_version: EVENTS_VERSION,
    penury: String(thresholds.penury),
    saturation: String(thresholds.saturation),
  }
  report.rows = facts.rows
  await fitMemory(context, facts.rows)
  const existing = await downloadOne(context, path, 'events.parquet')
  const before =
    existing === null ? null : await readParquetMetadata(database, existing.file).catch(() => null)
  const same = before !== null && Object.entries(metadata).every(([key, value]) => before[key] === value)
  report.outcome = same ? 'unchanged' : 'written'
  report.bytes = existing?.size ?? 0
  await step('read')
  if (dryRun || same) return report

  const file = draftFile(context)
  const query = eventsSql(finished.from, thresholds)
  await readable(finished, () => database.run(copyToParquetSql({ query, file, metadata })))
  onProgress?.({ step: 'merge', done: 1, total: 1 })
  report.bytes = (await publish(context, { file, path, replaces: existing })).size
  await step('published')
  return report
}

/** Events of the observations in `from`. Counts are BIGINT, flags and times of day TINYINT, times milliseconds. */
function eventsSql(from: string, thresholds: LevelThresholds): string {
  const codes = Object.entries(STATUS_CODES).map(([status, code]) => `WHEN ${quote(status)} THEN ${code}`)
  return `SELECT
    tbin_utc::TIMESTAMP_MS AS tbin_utc, station_id,
    bikes::BIGINT AS bikes, capacity::BIGINT AS capacity, mechanical::BIGINT AS mechanical, ebike::BIGINT AS ebike,
    status, (CASE status ${codes.join(' ')} ELSE ${UNKNOWN_STATUS_CODE} END)::BIGINT AS status_code,
    lat, lon, name, temp_C, precip_mm, wind_mps,
    CASE WHEN capacity > 0 THEN bikes::DOUBLE / capacity END AS occ_ratio,
    coalesce(bikes <= ${thresholds.penury}, false)::TINYINT AS is_penury,
    coalesce(capacity - bikes <= ${thresholds.saturation}, false)::TINYINT AS is_saturation,
    hour(tbin_utc)::TINYINT AS h, minute(tbin_utc)::TINYINT AS min,
    ts_utc::TIMESTAMP_MS AS ts_utc, docks::BIGINT AS docks, ${levelSql(thresholds)} AS level
  FROM ${from} ORDER BY tbin_utc, station_id`
}
