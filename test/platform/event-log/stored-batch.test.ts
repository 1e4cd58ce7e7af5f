import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packBatches, unpackBatch } from '../../../services/platform/event-log/in-process/stored-batch.ts'

const headers = fc.dictionary(fc.string({ maxLength: 6 }), fc.string({ unit: 'grapheme', maxLength: 20 }), {
  maxKeys: 4,
})
const content = fc.tuple(headers, headers).chain(([one, other]) =>
  fc.array(
    fc.record({
      key: fc.string({ unit: 'grapheme' }),
      value: fc.option(fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))),
      headers: fc.constantFrom(one, other, {}),
    }),
    { minLength: 1, maxLength: 25 },
  ),
)

describe('batches in the file of a log', () => {
  test('give back every record as it was, from any one on, with offsets that follow one another', () => {
    fc.assert(
      fc.property(content, fc.nat(30), (records, skip) => {
        let next = 100
        const read = packBatches(records).flatMap(({ count, meta, body }) => {
          const firstOffset = next
          next += count
          const from = Math.max(0, 100 + skip - firstOffset)
          return unpackBatch({
            at: { topic: 'topic', partition: 3 },
            firstOffset,
            appended: 7,
            meta,
            body,
            skip: from,
          })
        })
        expect(next).toBe(100 + records.length)
        expect(read).toEqual(
          records
            .map((record, place) => ({
              ...record,
              topic: 'topic',
              partition: 3,
              offset: 100 + place,
              appended: 7,
            }))
            .slice(skip),
        )
      }),
    )
  })

  test('hold at most 2,000 records and 4 MiB, or one larger record', () => {
    const small = Array.from({ length: 4_500 }, (_, place) => ({ key: String(place), value: null }))
    expect(packBatches(small).map(({ count }) => count)).toEqual([2_000, 2_000, 500])
    const large = Array.from({ length: 5 }, () => ({ key: 'k', value: Buffer.alloc(3 * 1024 * 1024) }))
    expect(packBatches(large).map(({ count }) => count)).toEqual([1, 1, 1, 1, 1])
  })
})
