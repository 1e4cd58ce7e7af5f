import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeBronze } from '../../../services/platform/parquet/bronze.ts'
import { openDuckDb, readParquetSql } from '../../../services/platform/parquet/duckdb.ts'
import { createRandom } from '../../../services/train/random.ts'
import { observation } from '../../domain/observations.ts'

const FILES = 12
const ROUNDS = 60

test('files that are replaced under their names, round after round, are read as they are', async () => {
  const random = createRandom(7)
  const database = await openDuckDb({ threads: 1 })
  const files = Array.from({ length: FILES }, (_, place) => join(database.directory, `${place}.parquet`))
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      let bikes = 0
      for (const file of files) {
        const rows = Array.from({ length: 12 + Math.floor(random() * 4) }, (_, station) =>
          observation({ station_id: `s${station}`, bikes: Math.floor(random() * 20), temp_C: random() }),
        )
        for (const row of rows) bikes += row.bikes!
        writeFileSync(file, encodeBronze({ rows }))
      }
      const [found] = await database.rows(
        `SELECT sum(bikes)::DOUBLE AS bikes, max(temp_C) AS warmest, max(name) AS name FROM ${readParquetSql(files)}`,
      )
      expect(found!.bikes).toBe(bikes)
      for (const file of files) rmSync(file)
    }
  } finally {
    await database.close()
  }
})
