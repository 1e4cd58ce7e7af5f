import { OBSERVATION_COLUMNS } from '../../platform/parquet/columns.ts'
import {
  type ContentFacts,
  contentFacts,
  copyToParquetSql,
  factsMetadata,
} from '../../platform/parquet/content-facts.ts'
import type { DuckDb } from '../../platform/parquet/duckdb.ts'
import { LAST_FIRST_SQL } from '../../platform/parquet/observation-sql.ts'
import { fileColumnsSql } from '../../platform/parquet/read.ts'
import { isDaySql } from './history.ts'

const COLUMNS = OBSERVATION_COLUMNS.map(({ name }) => `"${name}"`).join(', ')
const SQL_TYPES = {
  timestamp: 'TIMESTAMP',
  string: 'VARCHAR',
  int32: 'INTEGER',
  double: 'DOUBLE',
  float: 'FLOAT',
  boolean: 'BOOLEAN',
} as const

/** Makes the empty table `candidates`. */
export function createObservationTable(database: DuckDb): Promise<void> {
  const columns = OBSERVATION_COLUMNS.map(({ name, type }) => `"${name}" ${SQL_TYPES[type]}`)
  return database.run(`CREATE TEMP TABLE candidates (${columns.join(', ')})`)
}

/**
 * Makes the view `chosen` of `candidates`: the rows of one UTC day, of each (station, bin) the last. Keys that stand
 * once, which in ordinary operation is all of them, are taken as they are; only the others are ordered and hashed.
 */
export async function chooseLast({
  database,
  day,
}: {
  database: DuckDb
  day: string
}): Promise<ContentFacts> {
  const ofDay = `(SELECT * FROM candidates WHERE ${isDaySql(day)})`
  const keys = '(station_id, tbin_utc)'
  await database.run(`CREATE TEMP TABLE repeated AS
    SELECT station_id, tbin_utc FROM ${ofDay} GROUP BY ALL HAVING count(*) > 1`)
  await database.run(`CREATE TEMP TABLE last_of_repeated AS
    SELECT ${COLUMNS} FROM ${ofDay} SEMI JOIN repeated USING ${keys}
    QUALIFY row_number() OVER (PARTITION BY station_id, tbin_utc ORDER BY ${LAST_FIRST_SQL}) = 1`)
  const [found] = await database.rows('SELECT count(*) AS repeated FROM repeated')
  await database.run(
    found!.repeated === 0
      ? `CREATE TEMP VIEW chosen AS SELECT ${COLUMNS} FROM ${ofDay}`
      : `CREATE TEMP VIEW chosen AS
          SELECT ${COLUMNS} FROM ${ofDay} ANTI JOIN repeated USING ${keys}
          UNION ALL SELECT ${COLUMNS} FROM last_of_repeated`,
  )
  return contentFacts(database, 'chosen')
}

/** Rows of `candidates`. */
export async function countCandidates(database: DuckDb): Promise<number> {
  const [row] = await database.rows('SELECT count(*) AS candidates FROM candidates')
  return Number(row!.candidates)
}

/** Frees the memory of what this file made. */
export async function dropObservations(database: DuckDb): Promise<void> {
  await database.run(
    'DROP VIEW chosen; DROP TABLE last_of_repeated; DROP TABLE repeated; DROP TABLE candidates',
  )
}

/** Writes observations sorted by (station_id, tbin_utc): the bytes follow from the rows and `metadata` alone. */
export function writeObservations(options: {
  database: DuckDb
  from: string
  file: string
  facts: ContentFacts
  metadata?: Record<string, string>
}): Promise<void> {
  const { database, from, file, facts, metadata = {} } = options
  return database.run(
    copyToParquetSql({
      query: `SELECT ${fileColumnsSql(OBSERVATION_COLUMNS)} FROM ${from} ORDER BY station_id, tbin_utc`,
      file,
      metadata: { ...factsMetadata(facts), ...metadata },
    }),
  )
}
