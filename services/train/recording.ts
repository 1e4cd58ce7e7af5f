import { readFile } from 'node:fs/promises'
import { BIN_MS, floorBin } from '../domain/bin.ts'
import { emptyGrid, emptyWeather, NO_COUNT, type StationGrid } from '../domain/forecasting/station-grid.ts'
import type { StationPlace } from '../domain/forecasting/station-place.ts'
import { LARGEST_COUNT } from '../domain/slot.ts'
import { VelocastError } from '../platform/errors.ts'
import { type DuckDb, openDuckDb, readParquetSql } from '../platform/parquet/duckdb.ts'
import { inServiceSql } from '../platform/parquet/in-service-sql.ts'
import { parseCsv } from './csv.ts'

export interface Recording {
  grid: StationGrid
  /** In the grid's order: by id. */
  stations: StationPlace[]
  /** Rows read, and those left out by reason. */
  rows: { read: number; dropped: Record<string, number> }
  /** False where renting and returning only say bikes > 0 and docks > 0: a fact of the feed, the rule of service holds either way. */
  serviceFlags: boolean
}

export interface RecordingOptions {
  status: readonly string[]
  /** Station table (CSV); without it place and capacity are those of each station's newest row that has them. */
  stations?: string | undefined
  weather?: string | undefined
  /** Bins from here on, epoch ms; all where absent. */
  from?: number | undefined
  until?: number | undefined
  /** The rows hold each station and bin once, as daily and monthly files do: spares 8 bytes a cell. */
  distinct?: boolean
  memoryMegabytes?: number
}

const COUNTS = ['bikes', 'docks', 'mechanical', 'ebike', 'capacity'] as const
const WEATHER = ['temp_C', 'precip_mm', 'wind_mps'] as const

/**
 * Status Parquet and a station table as a grid: of each station and bin the observation with the greatest (ts_utc,
 * fetched_utc). Nothing is carried yet. Streams the rows: memory is the grid's. Throws `replay_unreadable` for a file
 * without ts_utc, station_id or bikes, `replay_empty` without rows.
 */
export async function readRecording(options: RecordingOptions): Promise<Recording> {
  const database = await openDuckDb({ memoryMegabytes: options.memoryMegabytes ?? 256 })
  try {
    return await read(database, options)
  } catch (cause) {
    if (cause instanceof VelocastError) throw cause
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
    const message = `recording cannot be read, name Parquet of status rows and a CSV of stations: ${reason}`
    throw new VelocastError({ code: 'replay_unreadable', message, cause })
  } finally {
    await database.close()
  }
}

async function read(database: DuckDb, options: RecordingOptions): Promise<Recording> {
  const placeOf = options.stations === undefined ? null : await placesOfTable(options.stations)
  const source = readParquetSql(options.status)
  const known = new Set(
    (await database.rows(`DESCRIBE SELECT * FROM ${source}`)).map((row) => row.column_name as string),
  )
  for (const name of ['ts_utc', 'station_id', 'bikes']) {
    if (known.has(name)) continue
    const message = `recording must have a column ${name}: ${options.status.join(', ')}`
    throw new VelocastError({ code: 'replay_unreadable', message })
  }
  const column = (name: string, otherwise: string): string => (known.has(name) ? name : otherwise)
  const limits = [
    options.from === undefined ? '' : ` AND epoch_ms(ts_utc) >= ${options.from}`,
    options.until === undefined ? '' : ` AND epoch_ms(ts_utc) < ${options.until}`,
  ].join('')
  const where = `WHERE ts_utc IS NOT NULL AND station_id IS NOT NULL${limits}`
  const renting = column('is_renting', 'true')
  const returning = column('is_returning', 'true')
  const [facts] = await database.rows(`
    SELECT count(*) AS n, min(epoch_ms(ts_utc))::BIGINT AS first, max(epoch_ms(ts_utc))::BIGINT AS last,
      count(*) FILTER (bikes = 0) AS empty,
      count(*) FILTER (${renting} IS DISTINCT FROM (bikes > 0)) AS unlike,
      count(*) FILTER (${returning} IS DISTINCT FROM (${column('docks', 'NULL')} > 0)) AS unlike_return
    FROM ${source} ${where}`)
  const { n = 0, first, last, empty, unlike, unlike_return } = facts as Record<string, number | null>
  if (!n || first == null || last == null) {
    const message = `recording must have a row in the span asked for: ${options.status.join(', ')}`
    throw new VelocastError({ code: 'replay_empty', message })
  }
  const serviceFlags = !(empty! > 0 && unlike === 0 && unlike_return === 0)
  await database.run(
    `CREATE TEMP TABLE station AS SELECT id, (row_number() OVER (ORDER BY id) - 1)::INTEGER AS place
      FROM (SELECT DISTINCT station_id AS id FROM ${source} ${where})`,
  )
  const ids = (await database.rows('SELECT id FROM station ORDER BY place')).map((row) => row.id as string)
  const start = floorBin(first)
  const grid = emptyGrid({
    start,
    bins: Math.round((floorBin(last) - start) / BIN_MS) + 1,
    stations: ids.length,
  })
  const weathered = WEATHER.some((name) => known.has(name))
  if (weathered) grid.weather = emptyWeather(grid.bins)
  const service = inServiceSql({
    installed: column('is_installed', 'true'),
    renting,
    returning,
    status: column('status', "''"),
  })
  const fetched = known.has('fetched_utc') ? 'epoch_ms(fetched_utc)::DOUBLE' : '0::DOUBLE'
  const dropped: Record<string, number> = { bikes_missing: 0, superseded: 0, count_out_of_range: 0 }
  const fetchedAt =
    known.has('fetched_utc') && options.distinct !== true ? new Float64Array(grid.age.length) : null
  // A bin's weather is that of its newest observation: the rule of windowGrid.
  const weatherAt = new Float64Array(weathered ? grid.bins : 0)
  const weatherFetched = new Float64Array(weathered ? grid.bins : 0)
  const sql = `SELECT place, epoch_ms(ts_utc)::DOUBLE, ${fetched},
      ${service},
      ${COUNTS.map((name) => `coalesce(${column(name, 'NULL')}, -1)::INTEGER`).join(', ')},
      ${WEATHER.map((name) => `${column(name, 'NULL')}::DOUBLE`).join(', ')}
    FROM ${source} JOIN station ON id = station_id ${where}`
  await database.stream(sql, (columns, rows) => {
    for (let at = 0; at < rows; at += 1) {
      const bikes = columns[4]![at] as number
      if (bikes < 0) {
        dropped.bikes_missing! += 1
        continue
      }
      if (bikes > LARGEST_COUNT) {
        dropped.count_out_of_range! += 1
        continue
      }
      const time = columns[1]![at] as number
      const bin = Math.floor((time - start) / BIN_MS)
      const cell = bin * ids.length + (columns[0]![at] as number)
      const age = Math.max(1, Math.ceil((start + (bin + 1) * BIN_MS - time) / 1000))
      const fetch = columns[2]![at] as number
      if (grid.bikes[cell] !== NO_COUNT) {
        dropped.superseded! += 1
        if (age > grid.age[cell]! || (age === grid.age[cell] && fetch < (fetchedAt?.[cell] ?? 0))) continue
      }
      grid.age[cell] = age
      if (fetchedAt !== null) fetchedAt[cell] = fetch
      grid.service[cell] = columns[3]![at] === true ? 1 : 0
      COUNTS.forEach((name, place) => {
        grid[name][cell] = columns[4 + place]![at] as number
      })
      if (grid.weather === null || time < weatherAt[bin]!) continue
      if (time === weatherAt[bin] && fetch < weatherFetched[bin]!) continue
      weatherAt[bin] = time
      weatherFetched[bin] = fetch
      for (const [place, name] of WEATHER.entries()) {
        grid.weather[name][bin] = (columns[9 + place]![at] as number | null) ?? Number.NaN
      }
    }
  })
  if (options.weather !== undefined) await readWeather(database, options.weather, grid)
  const places = placeOf ?? (await placesOfRows(database, { from: `${source} ${where}`, known }))
  const stations = ids.map((id) => places.get(id) ?? { id, lat: null, lon: null, capacity: null })
  return { grid, stations, rows: { read: n, dropped }, serviceFlags }
}

async function placesOfTable(path: string): Promise<Map<string, StationPlace>> {
  const number = (text: string | undefined): number | null =>
    text === undefined || text === '' || !Number.isFinite(Number(text)) ? null : Number(text)
  const rows = parseCsv(await readFile(path, 'utf8'))
  if (rows[0]?.station_id === undefined) {
    const columns = Object.keys(rows[0] ?? {}).join(', ') || 'none'
    const message = `station table must have a column station_id and a row, it has columns ${columns}: ${path}`
    throw new VelocastError({ code: 'replay_unreadable', message })
  }
  return new Map(
    rows.map(({ station_id: id = '', lat, lon, capacity }) => [
      id,
      { id, lat: number(lat), lon: number(lon), capacity: number(capacity) },
    ]),
  )
}

/** Place and capacity of each station's newest row that has them. */
async function placesOfRows(
  database: DuckDb,
  { from, known }: { from: string; known: ReadonlySet<string> },
): Promise<Map<string, StationPlace>> {
  const newest = (name: string): string => {
    const column = known.has(name) ? name : 'NULL::DOUBLE'
    return `arg_max(${column}, ts_utc) FILTER (${column} IS NOT NULL)::DOUBLE AS ${name}`
  }
  const rows = await database.rows(
    `SELECT station_id AS id, ${['lat', 'lon', 'capacity'].map(newest).join(', ')} FROM ${from} GROUP BY 1`,
  )
  return new Map(rows.map((row) => [row.id as string, row as unknown as StationPlace]))
}

/** Hourly or finer weather of the whole network (ts_utc, temp_C, precip_mm, wind_mps): the last known at most 2 h old. */
async function readWeather(database: DuckDb, path: string, grid: StationGrid): Promise<void> {
  grid.weather = emptyWeather(grid.bins)
  const weather = grid.weather
  const rows = await database.rows(
    `SELECT epoch_ms(ts_utc)::BIGINT AS utc, avg(temp_C)::DOUBLE AS temp_C, avg(precip_mm)::DOUBLE AS precip_mm,
      avg(wind_mps)::DOUBLE AS wind_mps FROM ${readParquetSql([path])} GROUP BY 1 ORDER BY 1`,
  )
  let next = 0
  for (let bin = 0; bin < grid.bins; bin += 1) {
    const utc = grid.start + bin * BIN_MS
    while (next < rows.length && (rows[next]!.utc as number) <= utc) next += 1
    const row = rows[next - 1]
    if (row === undefined || utc - (row.utc as number) > 24 * BIN_MS) continue
    for (const name of WEATHER) weather[name][bin] = (row[name] as number | null) ?? Number.NaN
  }
}
