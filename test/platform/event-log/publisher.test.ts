import fc from 'fast-check'
import { expect, test } from 'vitest'
import { requests } from '../../../services/platform/event-log/kafka/publisher.ts'
import { BATCH_OVERHEAD, recordBytes } from '../../../services/platform/event-log/record-size.ts'

const record = fc.record({
  partitionKey: fc.constantFrom('velib', 'docomo', 'baywheels'),
  key: fc.string({ maxLength: 10 }),
  value: fc.option(fc.nat({ max: 3_000 }).map((size) => Buffer.alloc(size))),
  headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.string({ maxLength: 30 }), {
    maxKeys: 3,
  }),
})

test('requests hold every record once, in order, and no batch of theirs exceeds the limit of its topic', () => {
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 60 }),
      fc.integer({ min: 4_096, max: 20_000 }),
      fc.integer({ min: 1, max: 12 }),
      (records, maxBytes, partitions) => {
        const split = [...requests(records, { partitions, maxBytes })]
        expect(split.flat().map(({ index }) => index)).toEqual(records.map((_, index) => index))
        for (const request of split) {
          expect(request).not.toHaveLength(0)
          const batches = new Map<number, number>()
          for (const { partition, record: one } of request) {
            batches.set(partition, (batches.get(partition) ?? BATCH_OVERHEAD) + recordBytes(one))
          }
          expect(Math.max(...batches.values())).toBeLessThanOrEqual(maxBytes)
        }
      },
    ),
  )
})
