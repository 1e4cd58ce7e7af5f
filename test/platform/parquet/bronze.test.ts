import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Observation } from '../../../services/domain/observation.ts'
import { bronzeContentName, encodeBronze, encodePolls } from '../../../services/platform/parquet/bronze.ts'
import { OBSERVATION_COLUMNS, POLL_COLUMNS } from '../../../services/platform/parquet/columns.ts'
import { type DuckDb, openDuckDb, quote } from '../../../services/platform/parquet/duckdb.ts'
import { encodeParquet } from '../../../services/platform/parquet/encode.ts'
import { readParquetMetadata, readParquetRows } from '../../../services/platform/parquet/read.ts'
import { observationOf, pollRecordOf } from '../../sink/observations.ts'
import { rowOf } from '../../sink/town.ts'

let database: DuckDb
beforeAll(async () => {
  database = await openDuckDb()
})
afterAll(() => database.close())

async function save(bytes: Uint8Array): Promise<string> {
  const file = join(database.directory, `${createHash('md5').update(bytes).digest('hex')}.parquet`)
  await writeFile(file, bytes)
  return file
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const count = fc.option(fc.integer({ min: 0, max: 2 ** 31 - 1 }))
const time = fc.integer({ min: -(10 ** 12), max: 4 * 10 ** 12 })
const anyRow: fc.Arbitrary<Observation> = fc
  .record({
    ts_utc: time,
    station_id: text,
    bikes: count,
    docks: count,
    capacity: count,
    bikes_disabled: count,
    status: text,
    name: fc.option(text),
    lat: fc.option(fc.double({ noNaN: true, min: -90, max: 90 })),
    temp_C: fc.option(fc.float({ noNaN: true, min: -60, max: 60 })),
    last_reported: fc.option(time),
    weather_hour: fc.option(time),
    is_renting: fc.boolean(),
    is_installed: fc.boolean(),
  })
  .map(observationOf)

const sound = (value: unknown): unknown => (Object.is(value, -0) ? 0 : value)
const plain = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      sound(value instanceof Date ? value.getTime() : value),
    ]),
  )

test('any rows come back from DuckDB and from hyparquet as they went in', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRow, { maxLength: 20 }), async (rows) => {
      const bytes = encodeBronze({ rows })
      const expected = rows.map((row) => plain(rowOf(row)))
      const file = await save(bytes)
      const read = await readParquetRows({ database, files: [file], columns: OBSERVATION_COLUMNS })
      expect(read.map(plain)).toEqual(expected)
      const again = await parquetReadObjects({ file: new Uint8Array(bytes).buffer, compressors })
      expect(again.map(plain)).toEqual(expected)
    }),
    { numRuns: 25 },
  )
})

test('columns have their names, order and types, timestamps without a time zone', async () => {
  const file = await save(encodeBronze({ rows: [observationOf({ ts_utc: 0 })] }))
  const schema = await database.rows(
    `SELECT name, type, repetition_type AS r, logical_type AS l FROM parquet_schema(${quote(file)})`,
  )
  const types = {
    timestamp: 'INT64',
    string: 'BYTE_ARRAY',
    int32: 'INT32',
    double: 'DOUBLE',
    float: 'FLOAT',
    boolean: 'BOOLEAN',
  }
  expect(schema.slice(1).map(({ name, type, r }) => [name, type, r])).toEqual(
    OBSERVATION_COLUMNS.map(({ name, type, nullable }) => [
      name,
      types[type],
      nullable ? 'OPTIONAL' : 'REQUIRED',
    ]),
  )
  expect(String(schema[1]!.l)).toMatch(/isAdjustedToUTC=0, unit=TimeUnit\(MILLIS/)
})

test('a part is zstd with page index and statistics, and tells its rows, version and offsets', async () => {
  const rows = [observationOf({ ts_utc: 0 })]
  const bytes = encodeBronze({ rows, offsets: { partition: 3, first: 10, next: 12 } })
  const file = await save(bytes)
  expect(await readParquetMetadata(database, file)).toEqual({
    schema_version: '1',
    rows: '1',
    partition: '3',
    first_offset: '10',
    next_offset: '12',
  })
  const chunk = parquetMetadata(new Uint8Array(bytes).buffer).row_groups[0]!.columns[3]!
  expect(chunk.meta_data).toMatchObject({ codec: 'ZSTD', statistics: { min_value: 5, max_value: 5 } })
  expect(
    [Number(chunk.offset_index_offset), Number(chunk.column_index_offset)].every((offset) => offset > 0),
  ).toBe(true)
})

test('equal rows give equal bytes and names in every process; other rows another name', () => {
  const rows = [observationOf({ ts_utc: 0 }), observationOf({ ts_utc: 0, station_id: '2', name: null })]
  const digest = createHash('md5')
    .update(encodeBronze({ rows, offsets: { partition: 1, first: 0, next: 2 } }))
    .digest('hex')
  const child = outputOf('encode-child.ts')
  expect(child).toBe(`${digest} ${bronzeContentName(rows)}`)
  expect(bronzeContentName([rows[1]!, rows[0]!])).not.toBe(bronzeContentName(rows))
  expect(bronzeContentName([{ ...rows[0]!, docks: null }])).not.toBe(bronzeContentName([rows[0]!]))
})

test('poll records keep their fields, refusals as JSON text with sorted keys', async () => {
  const polls = [
    pollRecordOf({ poll_id: 'a', ts_utc: 5, fetched_utc: 9, rows: 3 }),
    pollRecordOf({
      poll_id: 'b',
      outcome: 'failed',
      reason: 'feed_timeout',
      refused: {},
      duration_ms: null,
      ttl_s: null,
    }),
  ]
  const file = await save(encodePolls({ polls }))
  expect(await readParquetRows({ database, files: [file], columns: POLL_COLUMNS })).toEqual([
    { ...polls[0], refused: '{"count_missing":2,"station_duplicate":1}' },
    { ...polls[1], refused: '{}' },
  ])
})

test('a null in a column without nulls is refused by name', () => {
  const columns = [{ name: 'a', type: 'int32', nullable: false }] as const
  expect(() =>
    encodeParquet({ columns, rows: 2, cell: (_, row) => (row === 0 ? 1 : null), metadata: {} }),
  ).toThrow('column a holds no nulls, but 1 of 2 rows have one')
})

test('memory outside of the heap stays where the first parts brought it', () => {
  expect(Number(outputOf('memory-child.ts'))).toBeLessThan(8 * 1024 * 1024)
})

/** What a script beside this one prints, in a process of its own. */
function outputOf(script: string): string {
  return execFileSync(process.execPath, [new URL(script, import.meta.url).pathname], { encoding: 'utf8' })
}
