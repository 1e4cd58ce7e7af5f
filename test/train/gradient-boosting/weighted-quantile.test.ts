import fc from 'fast-check'
import { expect, test } from 'vitest'
import { weightedQuantile } from '../../../services/train/gradient-boosting/weighted-quantile.ts'

test('a weighted quantile is that of the values written out as often as they weigh', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: 0, max: 4 })), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.constantFrom(0.1, 0.25, 0.5, 0.9),
      fc.integer({ min: 0, max: 3 }),
      (pairs, level, margin) => {
        const padding = Array.from({ length: margin }, () => 99)
        const values = Float64Array.from([...padding, ...pairs.map(([value]) => value), ...padding])
        const weights = Float64Array.from([...padding, ...pairs.map(([, weight]) => weight), ...padding])
        const found = weightedQuantile({ values, weights, from: margin, to: margin + pairs.length, level })
        const written = pairs
          .flatMap(([value, weight]) => Array<number>(weight).fill(value))
          .sort((a, b) => a - b)
        if (written.length === 0) {
          expect(found).toBeNaN()
          return
        }
        const wanted = level * written.length
        const place = Math.max(Math.ceil(wanted), 1) - 1
        const next = written[place + 1]
        const expected =
          Number.isInteger(wanted) && next !== undefined ? (written[place]! + next) / 2 : written[place]
        expect(found).toBe(expected)
      },
    ),
    { numRuns: 500 },
  )
})
