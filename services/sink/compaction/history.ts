import { z } from 'zod'
import { DAY_MS } from '../../domain/bin.ts'
import { VelocastError } from '../../platform/errors.ts'
import { dailyPath, monthlyPath } from '../../platform/object-store/layout.ts'
import type { ContentFacts } from '../../platform/parquet/content-facts.ts'
import { readParquetSql } from '../../platform/parquet/duckdb.ts'
import { readParquetMetadata } from '../../platform/parquet/read.ts'
import { downloadOne, type JobContext, type LocalCopy } from './job.ts'
import { firstLine } from './parts.ts'

/** A finished day as SQL: its daily file, or its rows in the monthly file once the daily was purged. */
export interface FinishedDay {
  /** Path of the object that holds it. */
  path: string
  /** SQL that gives the day's observations. */
  from: string
  metadata: Record<string, string>
  /** Null when the rows come from the month. */
  daily: LocalCopy | null
}

/**
 * Finds a finished day; null when there is neither a daily nor a month that has it.
 * Throws `store_object_unreadable` for a file that is there and cannot be read: nothing may be written over it.
 */
export async function findDay(context: JobContext, day: string): Promise<FinishedDay | null> {
  const { system } = context
  const daily = await downloadOne(context, dailyPath(system, day), `daily-${day}.parquet`)
  if (daily !== null) {
    const metadata = await metadataOf(context, daily)
    return { path: daily.path, from: readParquetSql([daily.file]), metadata, daily }
  }
  const month = await findMonth(context, day.slice(0, 7))
  if (month === null || month.days[day] === undefined) return null
  return {
    path: month.copy.path,
    from: `(SELECT * FROM ${readParquetSql([month.copy.file])} WHERE ${isDaySql(day)})`,
    metadata: {},
    daily: null,
  }
}

export interface FinishedMonth {
  copy: LocalCopy
  metadata: Record<string, string>
  /** Facts of each day that is in the file. */
  days: Record<string, ContentFacts>
}

const daysSchema = z.record(
  z.string(),
  z.object({ rows: z.number(), valid_through: z.number().nullable(), content_hash: z.string() }),
)

/** Finds a monthly file; null when there is none. Throws `store_object_unreadable`. */
export async function findMonth(context: JobContext, month: string): Promise<FinishedMonth | null> {
  const copy = await downloadOne(context, monthlyPath(context.system, month), `monthly-${month}.parquet`)
  if (copy === null) return null
  const metadata = await metadataOf(context, copy)
  try {
    return { copy, metadata, days: daysSchema.parse(JSON.parse(metadata.days ?? '')) }
  } catch (error) {
    throw unreadable(copy.path, error)
  }
}

export function isDaySql(day: string): string {
  const end = new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10)
  return `tbin_utc >= TIMESTAMP '${day}' AND tbin_utc < TIMESTAMP '${end}'`
}

async function metadataOf(context: JobContext, copy: LocalCopy): Promise<Record<string, string>> {
  try {
    return await readParquetMetadata(context.database, copy.file)
  } catch (error) {
    throw unreadable(copy.path, error)
  }
}

/** Runs `read`, whose failure is that of the finished day's file. */
export async function readable<T>({ path }: FinishedDay, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, cause: unknown): VelocastError {
  return new VelocastError({
    code: 'store_object_unreadable',
    message: `object ${path} cannot be read as Parquet and nothing is written over it; restore or remove it: ${firstLine(cause)}`,
    cause,
    data: { path },
  })
}
