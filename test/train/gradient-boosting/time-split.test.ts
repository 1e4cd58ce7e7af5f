import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recencyWeights, splitByTime } from '../../../services/train/gradient-boosting/time-split.ts'

const MINUTE = 60_000
const DAY = 1440 * MINUTE

test('no label of a training row reaches into the validation span, and no row is in both', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 60 }),
      fc.integer({ min: 0, max: 500 }),
      fc.integer({ min: 0, max: 90 }),
      (minutes, from, gapMinutes) => {
        const times = Float64Array.from(minutes, (minute) => minute * MINUTE)
        const { training, validation } = splitByTime({ times, validationFrom: from * MINUTE, gapMinutes })
        for (const row of training) expect(minutes[row]! + gapMinutes).toBeLessThan(from)
        expect([...validation]).toEqual(minutes.map((_, row) => row).filter((row) => minutes[row]! >= from))
        const before = minutes.filter((minute) => minute + gapMinutes < from)
        expect(training.length).toBe(before.length)
      },
    ),
  )
})

test('weights halve with every half-life and are 1 from the end on', () => {
  const times = Float64Array.from([0, 10 * DAY, 20 * DAY, 25 * DAY])
  const weights = recencyWeights({ times, until: 20 * DAY, halfLifeDays: 10 })
  expect([...weights]).toEqual([0.25, 0.5, 1, 1])
  expect(() => recencyWeights({ times, until: 0, halfLifeDays: 0 })).toThrow(/half-life/)
})
