import { join } from 'node:path'
import { BIN_MS, DAY_MS } from '../domain/bin.ts'
import { NO_AGE, type StationGrid } from '../domain/forecasting/station-grid.ts'
import { openDuckDb, quote, readParquetSql } from '../platform/parquet/duckdb.ts'
import { type Recording, readRecording } from './recording.ts'
import { daysOf } from './training-rows.ts'

/** A daily or monthly file on the local disk. */
export interface BaseFile {
  file: string
  /** UTC days that a monthly file is read for: those without a daily of their own. All rows where absent. */
  days?: readonly string[]
}

export interface BaseOptions {
  files: readonly BaseFile[]
  timezone: string
  /** The newest days that are read at most. */
  days: number
  /** Directory for temporary files. */
  directory: string
}

/** What training is made from, and what was counted on the way to it. */
export interface TrainingBase {
  recording: Recording
  /** Grid rows of the local days with at least half of their bins. */
  days: { from: number; until: number }[]
  facts: BaseFacts
}

export interface BaseFacts {
  from_utc: string
  until_utc: string
  stations: number
  rows_read: number
  rows_dropped: Record<string, number>
  /** Local days with at least half of their bins. */
  days: number
  /** Local days with fewer: their rows are used, they do not count as days. */
  sparse_days: number
  /** Share of the bins with rows whose weather is known. */
  weather_share: number
  /** Days asked for that were left out because the grid would not fit in memory. */
  days_left_out: number
}

/** 13 bytes each: 585 MB. 90 days of 1,500 stations are 39 million. */
const MOST_CELLS = 45_000_000
const BINS_A_DAY = DAY_MS / BIN_MS
/** Weather known in fewer bins teaches when it was missing, not what it does. */
const LEAST_WEATHER_SHARE = 0.5

/**
 * Daily and monthly files as a grid of the newest days. Streams the rows: memory is the grid's, at most 585 MB, and
 * DuckDB's 256 MB; where more was asked for, the oldest days are left out and counted. Weather that is known in fewer
 * than half of the bins is left out. Throws as `readRecording` does.
 */
export async function readTrainingBase({
  files,
  timezone,
  days,
  directory,
}: BaseOptions): Promise<TrainingBase> {
  const status = await prepared(files, directory)
  const { last, stations } = await extentOf(status)
  const fitting = Math.max(1, Math.floor(MOST_CELLS / Math.max(1, stations) / BINS_A_DAY))
  const used = Math.min(days, fitting)
  const recording = await readRecording({ status, distinct: true, from: last - used * DAY_MS })
  const { grid } = recording
  const weatherShare = shareWithWeather(grid)
  if (weatherShare < LEAST_WEATHER_SHARE) grid.weather = null
  const all = daysOf({ grid, timezone }, { from: 0, until: grid.bins })
  const full = all.filter(({ from, until }) => binsWithRows(grid, from, until) >= BINS_A_DAY / 2)
  return {
    recording,
    days: full,
    facts: {
      from_utc: new Date(grid.start).toISOString(),
      until_utc: new Date(grid.start + grid.bins * BIN_MS).toISOString(),
      stations: grid.stations,
      rows_read: recording.rows.read,
      rows_dropped: recording.rows.dropped,
      days: full.length,
      sparse_days: all.length - full.length,
      weather_share: weatherShare,
      days_left_out: days > fitting ? days - fitting : 0,
    },
  }
}

/** Cuts monthly files down to the days that they are read for. */
async function prepared(files: readonly BaseFile[], directory: string): Promise<string[]> {
  const database = await openDuckDb({ memoryMegabytes: 256 })
  try {
    const paths: string[] = []
    for (const [place, { file, days }] of files.entries()) {
      if (days === undefined) {
        paths.push(file)
        continue
      }
      const part = join(directory, `month-part-${place}.parquet`)
      const wanted = days.map(quote).join(', ')
      await database.run(
        `COPY (SELECT * FROM ${readParquetSql([file])} WHERE strftime(tbin_utc, '%Y-%m-%d') IN (${wanted}))
          TO ${quote(part)} (FORMAT parquet)`,
      )
      paths.push(part)
    }
    return paths
  } finally {
    await database.close()
  }
}

async function extentOf(status: readonly string[]): Promise<{ last: number; stations: number }> {
  const database = await openDuckDb({ memoryMegabytes: 256 })
  try {
    const [row] = await database.rows(
      `SELECT epoch_ms(max(ts_utc))::BIGINT AS last, count(DISTINCT station_id)::INTEGER AS stations
        FROM ${readParquetSql(status)}`,
    )
    return { last: (row?.last as number | null) ?? 0, stations: (row?.stations as number | null) ?? 0 }
  } finally {
    await database.close()
  }
}

function binsWithRows(grid: StationGrid, from: number, until: number): number {
  let bins = 0
  for (let row = from; row < until; row += 1) if (hasRows(grid, row)) bins += 1
  return bins
}

function hasRows({ age, stations }: StationGrid, row: number): boolean {
  return age.subarray(row * stations, (row + 1) * stations).some((own) => own !== NO_AGE)
}

function shareWithWeather(grid: StationGrid): number {
  if (grid.weather === null) return 0
  let bins = 0
  let known = 0
  for (let row = 0; row < grid.bins; row += 1) {
    if (!hasRows(grid, row)) continue
    bins += 1
    if (!Number.isNaN(grid.weather.temp_C[row])) known += 1
  }
  return bins === 0 ? 0 : known / bins
}
