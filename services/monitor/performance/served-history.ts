import { BIN_MS, DAY_MS, dayName, floorDay, floorHour, HOUR_MS } from '../../domain/bin.ts'
import {
  type ForecastToScore,
  SCORED_FIELDS,
  type ScoredForecast,
  scoreForecast,
} from '../../domain/forecasting/score.ts'
import type { WindowSpan } from '../../domain/health.ts'
import { forecastPartBin, forecastPartsDayPrefix } from '../../platform/object-store/layout.ts'
import type { ObjectStore } from '../../platform/object-store/port.ts'
import { OBSERVATION_COLUMNS } from '../../platform/parquet/columns.ts'
import { openDuckDb, readParquetSql } from '../../platform/parquet/duckdb.ts'
import { FORECAST_COLUMNS } from '../../platform/parquet/forecast-columns.ts'
import { observationFiles, withFiles } from '../../platform/parquet/observation-files.ts'
import { plainColumnsSql } from '../../platform/parquet/read.ts'
import { servedForecastsSql } from '../../platform/parquet/served-forecasts-sql.ts'

const OBSERVATIONS = OBSERVATION_COLUMNS.map(({ name }) => `"${name}"`).join(', ')
const COLUMNS = SCORED_FIELDS.map((field) => FORECAST_COLUMNS.find(({ name }) => name === field)!)

/**
 * Calls `take` with every forecast of record whose target bin lies in the span and that can be compared with what came
 * true: forecast parts joined with the final rows that daily and bronze files have. Streams; holds no row.
 */
export async function scoreSpan({
  objects,
  system,
  span,
  longestHorizonMs,
  take,
}: {
  objects: ObjectStore
  system: string
  span: WindowSpan
  longestHorizonMs: number
  take: (scored: ScoredForecast) => void
}): Promise<void> {
  const sources = { start: floorHour(span.start - longestHorizonMs), end: span.end }
  const list = async (): Promise<string[]> => {
    const forecasts = await forecastFiles(objects, system, sources)
    if (forecasts.length === 0) return []
    const observations = new Set<string>()
    for (let day = floorDay(sources.start); day < sources.end; day += DAY_MS) {
      const within = {
        start: Math.max(day, sources.start),
        end: Math.min(day + DAY_MS, floorHour(sources.end - 1) + HOUR_MS),
      }
      for (const path of await observationFiles(objects, system, within)) observations.add(path)
    }
    return observations.size === 0 ? [] : [...forecasts, ...observations]
  }
  const database = await openDuckDb({ threads: 1 })
  try {
    await withFiles({ objects, database, list }, async (files, paths) => {
      const isForecast = (place: number): boolean => forecastPartBin(paths[place]!) !== null
      const forecasts = readParquetSql(files.filter((_, place) => isForecast(place)))
      const observations = `(SELECT ${OBSERVATIONS} FROM ${readParquetSql(files.filter((_, place) => !isForecast(place)))}
        WHERE epoch_ms(tbin_utc) >= ${sources.start} AND epoch_ms(tbin_utc) < ${sources.end})`
      const sql = `SELECT ${plainColumnsSql(COLUMNS)}, source_in_service, target_in_service, true_bikes, true_docks
        FROM ${servedForecastsSql({ forecasts, observations })}
        WHERE epoch_ms(target_utc) >= ${span.start} AND epoch_ms(target_utc) < ${span.end}`
      await database.stream(sql, (columns, rows) => {
        for (let row = 0; row < rows; row += 1) {
          const scored = scoredOf(columns, row)
          if (scored !== null) take(scored)
        }
      })
      return []
    })
  } finally {
    await database.close()
  }
}

function scoredOf(columns: readonly (readonly unknown[])[], row: number): ScoredForecast | null {
  const cell = (place: number): unknown => {
    const value = columns[place]![row]
    return typeof value === 'bigint' ? Number(value) : (value ?? null)
  }
  const forecast: Record<string, unknown> = {}
  for (let place = 0; place < SCORED_FIELDS.length; place += 1) forecast[SCORED_FIELDS[place]!] = cell(place)
  const [source, target, bikes, docks] = [0, 1, 2, 3].map((place) => cell(SCORED_FIELDS.length + place))
  return scoreForecast({
    forecast: forecast as unknown as ForecastToScore,
    inServiceAtSource: source === true,
    target:
      target === null
        ? null
        : { bikes: bikes as number | null, docks: docks as number | null, inService: target === true },
  })
}

async function forecastFiles(objects: ObjectStore, system: string, span: WindowSpan): Promise<string[]> {
  const files: string[] = []
  for (let day = floorDay(span.start); day < span.end; day += DAY_MS) {
    for (const { path } of await objects.list(forecastPartsDayPrefix(system, dayName(day)))) {
      const bin = forecastPartBin(path)
      if (bin !== null && bin >= span.start && bin <= span.end - BIN_MS) files.push(path)
    }
  }
  return files
}
