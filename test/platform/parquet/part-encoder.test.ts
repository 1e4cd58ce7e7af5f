import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  bronzeContentName,
  encodeBronze,
  encodePolls,
  pollsContentName,
} from '../../../services/platform/parquet/bronze.ts'
import { encodePart } from '../../../services/platform/parquet/part-encoder.ts'
import { observationOf, pollRecordOf } from '../../sink/observations.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const rows = fc.array(
  fc
    .record({
      ts_utc: fc.integer({ min: -(10 ** 12), max: 4 * 10 ** 12 }),
      station_id: text,
      name: fc.option(text),
      bikes: fc.option(fc.nat()),
      lat: fc.option(fc.double({ noNaN: true, min: 0.1, max: 90 })),
      temp_C: fc.option(fc.float({ noNaN: true, min: Math.fround(0.1), max: 60 })),
    })
    .map(observationOf),
  { maxLength: 20 },
)
const offsets = { partition: 3, first: 10, next: 40 }

test('the bytes and the name are those that one gets without a thread', async () => {
  await fc.assert(
    fc.asyncProperty(rows, async (observations) => {
      const { content, bytes } = await encodePart({ kind: 'bronze', rows: observations }, offsets)
      expect(content).toBe(bronzeContentName(observations))
      expect(Buffer.from(bytes).equals(encodeBronze({ rows: observations, offsets }))).toBe(true)
    }),
    { numRuns: 25 },
  )
  const polls = [
    pollRecordOf({ poll_id: 'a', refused: { duplicate: 2, bounds: 1 } }),
    pollRecordOf({ poll_id: 'b' }),
  ]
  const { content, bytes } = await encodePart({ kind: 'polls', rows: polls }, offsets)
  expect(content).toBe(pollsContentName(polls))
  expect(Buffer.from(bytes).equals(encodePolls({ polls, offsets }))).toBe(true)
})

test('rows that no file can hold are refused, and parts that wait beside them are not', async () => {
  const sound = observationOf({ ts_utc: 0 })
  const unsound = { ...sound, mechanical: null as unknown as number }
  const [good, bad, next] = await Promise.allSettled(
    [sound, unsound, sound].map((row) => encodePart({ kind: 'bronze', rows: [row] })),
  )
  expect(good).toEqual(next)
  expect(good?.status).toBe('fulfilled')
  expect(bad).toMatchObject({
    reason: { code: 'internal', message: expect.stringContaining('column mechanical holds no nulls') },
  })
})
