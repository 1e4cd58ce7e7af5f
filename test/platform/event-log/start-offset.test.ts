import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { startOffset } from '../../../services/platform/event-log/start-offset.ts'

describe('where a partition is begun', () => {
  test('is where asked, if the log has it', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.nat(),
        fc.constantFrom('earliest', 'latest', undefined),
        (a, b, c, from) => {
          const [first, offset, end] = [a, b, c].sort((x, y) => x - y) as [number, number, number]
          expect(startOffset({ offset, first, end, from })).toBe(offset)
        },
      ),
    )
  })

  test.each([
    ['without a position, the first record', null, 'earliest', 5],
    ['without a position, the end for the latest', null, 'latest', 9],
    ['deleted before it was read, the first that is left', 2, 'earliest', 5],
    ['deleted before it was read, the first that is left, also for the latest', 2, 'latest', 5],
    ['beyond the end of a log made anew, the first record', 30, undefined, 5],
    ['beyond the end of a log made anew, the end for the latest', 30, 'latest', 9],
  ] as const)('is, %s', (_case, offset, from, start) => {
    expect(startOffset({ offset, first: 5, end: 9, from })).toBe(start)
  })
})
