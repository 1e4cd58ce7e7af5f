import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Tail } from '../../../services/platform/event-log/in-process/tail.ts'
import type { LogRecord } from '../../../services/platform/event-log/port.ts'

function records(first: number, count: number, bytes: number): LogRecord[] {
  return Array.from({ length: count }, (_, place) => ({
    topic: 'topic',
    partition: 0,
    offset: first + place,
    key: 'key',
    value: Buffer.alloc(bytes),
    headers: {},
    appended: 0,
  }))
}

describe('the tail of a log', () => {
  test('gives what was appended from any kept offset on, within both limits, or says that it does not have it', () => {
    const runs = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(
        runs,
        fc.nat(20),
        fc.nat(130),
        fc.integer({ min: 1, max: 30 }),
        (sizes, start, asked, limit) => {
          const tail = new Tail()
          let next = start
          for (const size of sizes) {
            tail.append(1, records(next, size, 10))
            next += size
          }
          const found = tail.read(1, asked, limit, 1_000)
          if (asked < start) expect(found).toBeNull()
          else {
            const count = Math.max(0, Math.min(limit, next - asked))
            expect(found?.map(({ offset }) => offset)).toEqual(
              Array.from({ length: count }, (_, place) => asked + place),
            )
          }
        },
      ),
    )
  })

  test('ends a batch with the record that exceeds the bytes', () => {
    const tail = new Tail()
    tail.append(1, records(0, 10, 100))
    expect(tail.read(1, 0, 100, 250)).toHaveLength(3)
  })

  test('forgets the oldest records when it is full, and all of a partition when told', () => {
    const tail = new Tail()
    for (let run = 0; run < 10; run += 1) tail.append(run % 2, records(run * 10, 1, 8 * 1024 * 1024))
    expect(tail.read(0, 0, 10, 1)).toBeNull()
    expect(tail.read(1, 90, 10, 1)).toHaveLength(1)
    tail.forget(1)
    expect(tail.read(1, 90, 10, 1)).toBeNull()
  })
})
