import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MISSING_BIN } from '../../../services/train/gradient-boosting/binning.ts'
import { choosePacking, gradientOf, weightOf } from '../../../services/train/gradient-boosting/packing.ts'
import { type BestSplit, scanFeature, splitRules } from '../../../services/train/gradient-boosting/split.ts'

interface Cell {
  weight: number
  gradient: number
}

const BINS = 6
const cell = fc.record({
  weight: fc.integer({ min: 0, max: 9 }),
  gradient: fc.integer({ min: -40, max: 40 }),
})

/** Twice the loss that a leaf with the best value takes off, from the definition: −(2 G v + (W + l2) v² + 2 l1 |v|). */
function leafScore({ gradient, weight }: Cell, l1: number, l2: number): number {
  const value = (-Math.sign(gradient) * Math.max(Math.abs(gradient) - l1, 0)) / (weight + l2)
  return -(2 * gradient * value + (weight + l2) * value * value + 2 * l1 * Math.abs(value))
}

const sum = (cells: Cell[]): Cell =>
  cells.reduce((a, b) => ({ weight: a.weight + b.weight, gradient: a.gradient + b.gradient }), {
    weight: 0,
    gradient: 0,
  })

test('the split found has the greatest gain of all edges and sides of missing values, tried one by one', () => {
  fc.assert(
    fc.property(
      fc.array(cell, { minLength: BINS, maxLength: BINS }),
      fc.option(cell, { nil: { weight: 0, gradient: 0 } }),
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(-1, 0, 1),
      (drawn, drawnMissing, l1, l2, minChildWeight, direction) => {
        const clean = ({ weight, gradient }: Cell): Cell => ({
          weight,
          gradient: weight === 0 ? 0 : gradient,
        })
        const present = drawn.map(clean)
        const missing = clean(drawnMissing)
        const packing = choosePacking({ rows: 1000, totalWeight: 1000, uniform: true })
        const histograms = new Float64Array(256)
        const pack = ({ weight, gradient }: Cell): number => weight * packing.unit + gradient
        present.forEach((own, bin) => {
          histograms[bin] = pack(own)
        })
        histograms[MISSING_BIN] = pack(missing)
        const total = sum([...present, missing])
        const rules = splitRules(packing, 1, { l1, l2, minChildWeight, minSplitGain: 0 })
        const best: BestSplit = { feature: -1, bin: 0, missingLeft: false, gain: 1e-9, left: 0 }
        scanFeature(histograms, 0, BINS, 3, direction, pack(total), rules, best)

        const gains: number[] = []
        const consider = (left: Cell, constrained: boolean): void => {
          const right = { weight: total.weight - left.weight, gradient: total.gradient - left.gradient }
          if (left.weight < minChildWeight || right.weight < minChildWeight) return
          const value = ({ gradient, weight }: Cell): number =>
            (-Math.sign(gradient) * Math.max(Math.abs(gradient) - l1, 0)) / (weight + l2)
          if (constrained && direction * (value(right) - value(left)) < -1e-12) return
          gains.push(leafScore(left, l1, l2) + leafScore(right, l1, l2) - leafScore(total, l1, l2))
        }
        for (let bin = 0; bin < BINS - 1; bin += 1) {
          const left = sum(present.slice(0, bin + 1))
          consider(left, true)
          if (missing.weight > 0) consider(sum([left, missing]), true)
        }
        if (missing.weight > 0) consider(missing, false)
        const greatest = Math.max(0, ...gains)
        if (best.feature < 0) expect(greatest).toBeLessThan(1e-6)
        else {
          expect(best.gain).toBeCloseTo(greatest, 2)
          const left = [
            ...present.slice(0, best.bin + 1),
            ...(best.missingLeft && missing.weight > 0 ? [missing] : []),
          ]
          expect(best.left).toBe(pack(sum(left)))
        }
      },
    ),
    { numRuns: 400 },
  )
})

test('packed sums keep weights and gradients apart and exact, up to the sums of all rows', () => {
  for (const rows of [1, 2, 1000, 500_000, 2_000_000, 2 ** 24 - 1]) {
    for (const uniform of [true, false]) {
      const packing = choosePacking({ rows, totalWeight: rows, uniform })
      const weight = uniform ? rows : Math.floor(rows * packing.weightScale) + rows
      for (const gradient of [packing.gradientRoom, -packing.gradientRoom, 0, 1, -1]) {
        const packed = weight * packing.unit + gradient
        expect(Math.abs(packed)).toBeLessThanOrEqual(2 ** 53)
        expect(weightOf(packed, packing.unit)).toBe(weight)
        expect(gradientOf(packed, packing.unit)).toBe(gradient + 0)
      }
    }
  }
})

test('more rows than leave room for gradients are refused', () => {
  const rows = 2 ** 24
  expect(() => choosePacking({ rows, totalWeight: rows, uniform: true })).toThrow(/at most 16777215/)
})
