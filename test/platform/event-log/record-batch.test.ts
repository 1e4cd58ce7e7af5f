import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c } from '../../../services/platform/event-log/kafka/crc32c.ts'
import { decodeRecords } from '../../../services/platform/event-log/kafka/decode-batch.ts'
import { encodeBatch, HEAD_BYTES } from '../../../services/platform/event-log/kafka/encode-batch.ts'
import type { OutgoingRecord } from '../../../services/platform/event-log/port.ts'

const require = createRequire(import.meta.url)
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: (options: object) => Promise<{ buffer: Buffer }>
}
const Record = require('kafkajs/src/protocol/recordBatch/record/v0') as (options: object) => object

type Content = Pick<OutgoingRecord, 'key' | 'value' | 'headers'>

const shared = fc.dictionary(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 40 }), {
  maxKeys: 5,
})
const contents: fc.Arbitrary<Content[]> = fc.tuple(shared, shared).chain(([one, other]) =>
  fc.array(
    fc.record({
      key: fc.string({ unit: 'grapheme' }),
      value: fc.option(
        fc
          .oneof(
            fc.uint8Array({ maxLength: 80 }),
            fc.nat({ max: 20_000 }).map((size) => new Uint8Array(size)),
          )
          .map((bytes) => Buffer.from(bytes)),
      ),
      headers: fc
        .tuple(fc.constantFrom(one, other, {}), shared)
        .map(([first, own]) => ({ ...first, ...own })),
    }),
    { minLength: 1, maxLength: 30 },
  ),
)

/** The batch as kafkajs itself makes it. */
async function byKafkajs(records: readonly Content[], now: number): Promise<Buffer> {
  const encoded = records.map(({ key, value, headers }, offsetDelta) =>
    Record({ offsetDelta, timestampDelta: 0, key: Buffer.from(key), value, headers }),
  )
  const batch = await RecordBatch({
    records: encoded,
    firstTimestamp: now,
    maxTimestamp: now,
    producerId: -1,
    lastOffsetDelta: records.length - 1,
  })
  return batch.buffer
}

function decode(batch: Buffer, count: number) {
  return decodeRecords({ bytes: batch.subarray(HEAD_BYTES), count, firstOffset: 1000, firstTimestamp: 5 })
}

describe('record batches of Kafka', () => {
  test('checksum is CRC-32C', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
    expect(crc32c(Buffer.from('xx123456789x'), 2, 11)).toBe(0xe3069283)
  })

  test('are, byte for byte, those that kafkajs makes', async () => {
    await fc.assert(
      fc.asyncProperty(contents, fc.nat(), async (records, now) => {
        expect(encodeBatch(records, now).equals(await byKafkajs(records, now))).toBe(true)
      }),
    )
  })

  test('give back what was written, with offsets that follow one another', () => {
    fc.assert(
      fc.property(contents, (records) => {
        const read = decode(encodeBatch(records, 0), records.length)
        expect(read).toEqual(
          records.map(({ key, value, headers }, index) => ({
            offset: 1000 + index,
            timestamp: 5,
            attributes: 0,
            key,
            value,
            headers,
          })),
        )
      }),
    )
  })

  test('of many records that share their headers are read whole', () => {
    const records = Array.from({ length: 2_000 }, (_, index) => ({
      key: `system/${index}`,
      value: Buffer.from(String(index)),
      headers: { a: index < 1_000 ? 'first' : 'second', b: 'same', id: `poll/${index}` },
    }))
    const read = decode(encodeBatch(records, 0), records.length)
    expect(read.map(({ headers }) => headers)).toEqual(records.map(({ headers }) => headers))
  })

  test('keep headers of any name', () => {
    const headers = Object.fromEntries([
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['', ''],
    ])
    const records = Array.from({ length: 4 }, () => ({ key: 'k', value: null, headers }))
    for (const { headers: read } of decode(encodeBatch(records, 0), 4)) {
      expect(Object.entries(read)).toEqual(Object.entries(headers))
    }
  })

  test('of a header that is repeated the first counts, without a value it is empty', () => {
    const field = (text: string): number[] => [text.length * 2, ...Buffer.from(text)]
    const body = [
      0,
      0,
      0,
      ...field('k'),
      1,
      6,
      ...field('a'),
      ...field('one'),
      ...field('a'),
      ...field('two'),
    ]
    const bytes = Buffer.from([...body, ...field('b'), 1])
    const [read] = decodeRecords({
      bytes: Buffer.concat([Buffer.from([bytes.length * 2]), bytes]),
      count: 1,
      firstOffset: 0,
      firstTimestamp: 0,
    })
    expect(read).toMatchObject({ key: 'k', value: null, headers: { a: 'one', b: '' } })
  })

  test('that are cut or changed are refused or read, and never keep the reader busy', () => {
    fc.assert(
      fc.property(contents, fc.nat(), fc.nat({ max: 255 }), (records, place, byte) => {
        const batch = encodeBatch(records, 0)
        const at = HEAD_BYTES + (place % (batch.length - HEAD_BYTES))
        expect(() => decode(batch.subarray(0, at), records.length)).toThrow(RangeError)
        batch[at] = byte
        try {
          expect(decode(batch, records.length)).toHaveLength(records.length)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })
})
