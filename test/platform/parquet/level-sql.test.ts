import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LEVELS, type LevelInput, levelOf } from '../../../services/domain/levels.ts'
import { openDuckDb } from '../../../services/platform/parquet/duckdb.ts'
import { levelSql } from '../../../services/platform/parquet/level-sql.ts'

const count = fc.option(fc.integer({ min: 0, max: 6 }))
const station: fc.Arbitrary<LevelInput> = fc.record({
  bikes: count,
  docks: count,
  capacity: count,
  is_installed: fc.boolean(),
  is_renting: fc.boolean(),
  is_returning: fc.boolean(),
})

test('SQL and domain give every station the same level, for any thresholds', async () => {
  const database = await openDuckDb()
  const seen = new Set<string>()
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(station, { minLength: 40, maxLength: 120 }),
        fc.record({ penury: fc.nat(4), saturation: fc.nat(4) }),
        async (stations, thresholds) => {
          const values = stations.map(
            (s, n) =>
              `(${n}, ${s.bikes}::INTEGER, ${s.docks}::INTEGER, ${s.capacity}::INTEGER, ${s.is_installed}, ${s.is_renting}, ${s.is_returning})`,
          )
          const rows =
            await database.rows(`SELECT ${levelSql(thresholds)} AS level FROM (VALUES ${values.join(', ')})
            s(n, bikes, docks, capacity, is_installed, is_renting, is_returning) ORDER BY n`)
          const expected = stations.map((s) => levelOf(s, thresholds))
          for (const level of expected) seen.add(level)
          expect(rows.map(({ level }) => level)).toEqual(expected)
        },
      ),
      { numRuns: 30, seed: 7 },
    )
  } finally {
    await database.close()
  }
  expect([...seen].sort()).toEqual([...LEVELS].sort())
})
