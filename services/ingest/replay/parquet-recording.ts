import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { readJson } from '../../domain/gbfs/envelope.ts'
import type { StationDescription } from '../../domain/gbfs/information.ts'
import { parseInformation } from '../../domain/gbfs/information.ts'
import type { Refusal, StationState } from '../../domain/status.ts'
import type { WeatherReport } from '../../domain/weather.ts'
import { FileContents } from './file-contents.ts'
import {
  capacityOfRow,
  columnExpression,
  PARQUET_COLUMNS,
  type ParquetValues,
  quoted,
  REQUIRED_COLUMNS,
  stateOfRow,
  valueAt,
  weatherOfRows,
  withCapacity,
} from './parquet-columns.ts'
import {
  type OpeningOptions,
  type PollsFrom,
  type Recording,
  type ReplayPoll,
  readAhead,
} from './recorded-polls.ts'
import { fileLabel, type RecordingFile } from './recording-file.ts'
import { readStationTable } from './station-table.ts'

/** Rows read at a time: about one row group. */
const ROWS_AT_A_TIME = 100_000
/** DuckDB spills beyond this. */
const MEMORY_LIMIT = '512MB'

interface PollTime {
  ts: number
  rows: number
}

/**
 * A recording of Parquet files with the columns of `PARQUET_COLUMNS`: all rows of one ts_utc are one poll, whose
 * published time is ts_utc. Stations are described by the information given, else by stations.csv beside the file;
 * a column capacity wins over both. Reads about 100,000 rows at a time.
 */
export async function openParquetRecording(options: OpeningOptions): Promise<Recording> {
  const { skipped, windUnit = 'ms', system } = options
  const parquet: RecordingFile[] = []
  for (const file of options.files) {
    if (file.role === 'parquet' && file.member === null) parquet.push(file)
    else if (basename(file.path) !== 'stations.csv') skipped.add('other_file', fileLabel(file))
  }
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: MEMORY_LIMIT, threads: '2' })
  const connection = await instance.connect()
  const close = async (): Promise<void> => {
    connection.closeSync()
    instance.closeSync()
  }
  try {
    const { paths, present, zoned } = await usable({ connection, parquet, skipped })
    const table = `read_parquet([${paths.map(quoted).join(', ')}], union_by_name = true)`
    const index = paths.length === 0 ? [] : await pollTimes(connection, table)
    const descriptions = await describe(options, paths)
    const columns = PARQUET_COLUMNS.map((column) => columnExpression(column, present.has(column))).join(', ')

    async function* read({ position = 0, stations = [] }: PollsFrom): AsyncGenerator<ReplayPoll> {
      let known = new Map(descriptions)
      for (const station of stations) known.set(station.station_id, station)
      let information: ReplayPoll['information'] =
        known.size === 0 ? null : { stations: [...known.values()], seen_utc: index[0]?.ts ?? 0 }
      let weather: WeatherReport | null = null
      for (let place = position; place < index.length; ) {
        const { end, last } = spanFrom(index, place)
        const from = index[place]!.ts
        const reader = await connection.runAndReadAll(
          `SELECT ${columns} FROM ${table}
           WHERE ts_utc >= ${instant(from, zoned)} AND ts_utc < ${instant(last + 1, zoned)}
           ORDER BY 1, 2`,
        )
        const values: ParquetValues = reader.getColumnsJS()
        let first = 0
        for (; place < end; place++) {
          const { ts, rows } = index[place]!
          const poll = pollOfRows({ values, first, end: first + rows })
          first += rows
          const changed = changedCapacities({ values, first: first - rows, end: first, known })
          if (changed !== null) {
            known = changed
            information = { stations: [...known.values()], seen_utc: ts }
          }
          const hour = weatherOfRows({ values, first: first - rows, end: first, ts, windUnit })
          if (hour !== null && JSON.stringify(hour) !== JSON.stringify(weather?.hours[0])) {
            weather = { system, point: 'recorded', issued_utc: hour.hour_utc, hours: [hour] }
          }
          yield {
            answer: {
              kind: 'status',
              status: {
                published_utc: ts,
                ttl_s: null,
                version: 'parquet',
                stations: poll.stations,
                refused: poll.refused,
                information: null,
              },
              content: createHash('sha256').update(JSON.stringify(poll.stations)).digest('hex'),
              fetched_utc: null,
              duration_ms: null,
            },
            information,
            weather,
            origin: `${paths.length === 1 ? paths[0] : dirname(paths[0]!)}@${new Date(ts).toISOString()}`,
            position: place,
          }
        }
      }
    }

    const sketch = createHash('sha256')
    for (const { path, size } of parquet) sketch.update(`${basename(path)}|${size}\n`)
    return {
      format: 'parquet',
      total: index.length,
      first_utc: index[0]?.ts ?? 0,
      last_utc: index.at(-1)?.ts ?? 0,
      key: sketch.digest('hex'),
      skipped,
      polls: (from = {}) => readAhead(read(from)),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The files that can be read and have the required columns; the others are counted. */
async function usable({
  connection,
  parquet,
  skipped,
}: {
  connection: DuckDBConnection
  parquet: RecordingFile[]
  skipped: OpeningOptions['skipped']
}): Promise<{ paths: string[]; present: Set<string>; zoned: boolean }> {
  const paths: string[] = []
  let zoned = false
  const present = new Set<string>()
  for (const { path } of parquet) {
    try {
      const reader = await connection.runAndReadAll(`DESCRIBE SELECT * FROM read_parquet(${quoted(path)})`)
      const [names, types] = reader.getColumnsJS().map((column) => column.map(String)) as [string[], string[]]
      const missing = REQUIRED_COLUMNS.filter((column) => !names.includes(column))
      if (missing.length > 0) skipped.add('not_status', path, new Error(`no column ${missing.join(', ')}`))
      else {
        paths.push(path)
        zoned ||= types[names.indexOf('ts_utc')] === 'TIMESTAMP WITH TIME ZONE'
        for (const name of names) present.add(name)
      }
    } catch (error) {
      skipped.add('unreadable', path, error)
    }
  }
  return { paths, present, zoned }
}

/** A time literal of the column's own type: comparing across types would go by the machine's zone. */
function instant(utc: number, zoned: boolean): string {
  return zoned ? `to_timestamp(${utc} / 1000.0)` : `make_timestamp(${utc}::BIGINT * 1000)`
}

async function pollTimes(connection: DuckDBConnection, table: string): Promise<PollTime[]> {
  const reader = await connection.runAndReadAll(
    `SELECT epoch_ms(ts_utc)::DOUBLE, count(*)::DOUBLE FROM ${table} WHERE ts_utc IS NOT NULL GROUP BY 1 ORDER BY 1`,
  )
  const [times, counts] = reader.getColumnsJS()
  return (times ?? []).map((ts, place) => ({ ts: Number(ts), rows: Number(counts![place]) }))
}

/** Polls from `place` on that together have about ROWS_AT_A_TIME rows, at least one poll. */
function spanFrom(index: PollTime[], place: number): { end: number; last: number } {
  let end = place
  let rows = 0
  while (end < index.length && (end === place || rows + index[end]!.rows <= ROWS_AT_A_TIME)) {
    rows += index[end]!.rows
    end += 1
  }
  return { end, last: index[end - 1]!.ts }
}

/** States of one poll; of a station with several rows the first counts, the others are refused. */
function pollOfRows({ values, first, end }: { values: ParquetValues; first: number; end: number }): {
  stations: StationState[]
  refused: Refusal[]
} {
  const stations: StationState[] = []
  const refused: Refusal[] = []
  for (let row = first; row < end; row++) {
    const read = stateOfRow(values, row)
    if ('reason' in read) refused.push(read)
    else if (read.station_id === stations.at(-1)?.station_id) {
      refused.push({
        reason: 'station_duplicate',
        station_id: read.station_id,
        message: `station is in the poll more than once, the first is kept, got ${read.station_id}`,
        raw: read,
      })
    } else stations.push(read)
  }
  return { stations, refused }
}

/** Descriptions with the docks that the rows say; null when nothing is new. */
function changedCapacities({
  values,
  first,
  end,
  known,
}: {
  values: ParquetValues
  first: number
  end: number
  known: Map<string, StationDescription>
}): Map<string, StationDescription> | null {
  let changed: Map<string, StationDescription> | null = null
  for (let row = first; row < end; row++) {
    const id = String(valueAt(values, 'station_id', row) ?? '')
    const capacity = capacityOfRow(values, row)
    const before = (changed ?? known).get(id)
    const description = withCapacity(before, id, capacity)
    if (description === before || (before === undefined && capacity === undefined)) continue
    changed ??= new Map(known)
    changed.set(id, description)
  }
  return changed
}

async function describe(options: OpeningOptions, paths: string[]): Promise<Map<string, StationDescription>> {
  const given = options.informationFiles.find(({ role }) => ['csv', 'information', 'unnamed'].includes(role))
  const beside = paths.map((path) => join(dirname(path), 'stations.csv')).find((path) => existsSync(path))
  let stations: StationDescription[] = []
  if (given?.role === 'csv') stations = await readStationTable(given.path)
  else if (given !== undefined) {
    const contents = new FileContents()
    try {
      stations = parseInformation(readJson(await contents.read(given))).stations
    } finally {
      contents.close()
    }
  } else if (beside !== undefined) stations = await readStationTable(beside)
  return new Map(stations.map((station) => [station.station_id, station]))
}
