import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { murmur2, partitionOf } from '../../../services/platform/event-log/partitioner.ts'

const kafkajsMurmur2 = createRequire(import.meta.url)(
  'kafkajs/src/producer/partitioners/default/murmur2',
) as (key: Buffer) => number

/** testMurmur2 of org.apache.kafka.common.utils.UtilsTest. */
const JAVA_ANSWERS: [key: string, hash: number][] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

describe('murmur2', () => {
  test.each(JAVA_ANSWERS)("of %s is what Kafka's own test expects", (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash)
  })

  test('of any bytes is what kafkajs computes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(murmur2(bytes)).toBe(kafkajsMurmur2(Buffer.from(bytes)))
      }),
    )
  })
})

describe('the partition of a key', () => {
  test('is within the topic, the same every time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 1000 }), (key, partitions) => {
        const partition = partitionOf(key, partitions)
        expect(partition).toBeGreaterThanOrEqual(0)
        expect(partition).toBeLessThan(partitions)
        expect(partitionOf(key, partitions)).toBe(partition)
      }),
    )
  })

  test.each([
    ['foobar', 12, (-790332482 & 0x7fffffff) % 12],
    ['21', 12, (-973932308 & 0x7fffffff) % 12],
  ])('of %s among %i is the positive hash modulo their number', (key, partitions, partition) => {
    expect(partitionOf(key, partitions)).toBe(partition)
  })
})
