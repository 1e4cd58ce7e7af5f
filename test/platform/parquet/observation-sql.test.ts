import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentHash } from '../../../services/domain/observation.ts'
import { encodeBronze } from '../../../services/platform/parquet/bronze.ts'
import { openDuckDb, readParquetSql } from '../../../services/platform/parquet/duckdb.ts'
import { CONTENT_HASH_SQL } from '../../../services/platform/parquet/observation-sql.ts'
import { observationOf } from '../../sink/observations.ts'

const text = fc.string({ unit: 'binary', maxLength: 8 }).map((value) => value.replaceAll('\0', ''))
const anyObservation = fc
  .record({
    bikes: fc.option(fc.nat(99)),
    docks: fc.option(fc.nat(99)),
    bikes_disabled: fc.option(fc.nat(9)),
    capacity: fc.option(fc.nat(200)),
    is_installed: fc.boolean(),
    is_renting: fc.boolean(),
    status: text,
    name: fc.option(text),
    poll_id: text,
    last_reported: fc.option(fc.integer({ min: -(10 ** 12), max: 4 * 10 ** 12 })),
    weather_issued: fc.option(fc.integer({ min: 0, max: 4 * 10 ** 12 })),
  })
  .map((over) => observationOf({ ts_utc: 1_730_764_800_123, ...over }))

test('the content hash of SQL is that of the domain, for any observation', async () => {
  const database = await openDuckDb()
  try {
    const file = join(database.directory, 'rows.parquet')
    await fc.assert(
      fc.asyncProperty(fc.array(anyObservation, { minLength: 1, maxLength: 40 }), async (rows) => {
        await writeFile(file, encodeBronze({ rows }))
        const hashes = await database.rows(
          `SELECT ${CONTENT_HASH_SQL} AS hash FROM ${readParquetSql([file])}`,
        )
        expect(hashes.map(({ hash }) => hash)).toEqual(rows.map(contentHash))
      }),
      { numRuns: 25 },
    )
  } finally {
    await database.close()
  }
})
