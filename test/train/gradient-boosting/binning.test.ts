import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  binRows,
  createBinnedRows,
  fillBinnedRows,
} from '../../../services/train/gradient-boosting/binned-rows.ts'
import { binCount, fitBinning, MISSING_BIN } from '../../../services/train/gradient-boosting/binning.ts'
import { madeRows, uniform } from './made-rows.ts'

const single = fc.float({ noNaN: false })

test('"bin up to b" is "value below edge b" for every single-precision value, infinities included', () => {
  fc.assert(
    fc.property(
      fc.array(single, { minLength: 1, maxLength: 400 }),
      fc.array(single, { maxLength: 50 }),
      fc.integer({ min: 2, max: 255 }),
      (fitted, others, maxBins) => {
        const binning = fitBinning({
          features: { layout: 'columns', columns: [Float32Array.from(fitted)] },
          maxBins,
        })
        const values = Float32Array.from([...fitted, ...others])
        const binned = binRows({ features: { layout: 'columns', columns: [values] }, binning })
        const bins = new Uint8Array(binned.columns)
        const edges = binning.edges[0]!
        expect(binCount(binning, 0)).toBeLessThanOrEqual(maxBins)
        values.forEach((value, row) => {
          const bin = bins[row]!
          if (Number.isNaN(value)) expect(bin).toBe(MISSING_BIN)
          else expect(bin).toBe(edges.filter((edge) => value >= edge).length)
        })
      },
    ),
    { numRuns: 60 },
  )
})

test('edges ascend strictly, and up to 255 distinct values get a bin each', () => {
  const values = Float32Array.from({ length: 5000 }, (_, row) => (row * 7919) % 255)
  const { edges } = fitBinning({ features: { layout: 'columns', columns: [values] } })
  expect(edges[0]).toEqual(Float32Array.from({ length: 254 }, (_, place) => place + 0.5))
})

test('continuous values fill all bins about equally, and a frequent value has a bin of its own', () => {
  const next = uniform(5)
  const values = Float32Array.from({ length: 40_000 }, () => (next() < 0.4 ? 0 : -Math.log(next())))
  const features = { layout: 'columns' as const, columns: [values] }
  const binned = binRows({ features })
  const bins = new Uint8Array(binned.columns)
  const counts = new Map<number, number>()
  values.forEach((_, row) => {
    const bin = bins[row]!
    counts.set(bin, (counts.get(bin) ?? 0) + 1)
  })
  const zeros = values.filter((value) => value === 0).length
  expect(counts.get(0)).toBe(zeros)
  counts.delete(0)
  const share = (values.length - zeros) / counts.size
  expect(counts.size).toBeGreaterThan(200)
  for (const count of counts.values()) expect(count).toBeLessThan(2 * share)
})

test('row-major rows, filled part by part, give the bins of whole columns, for any number of features', () => {
  for (const width of [1, 3, 4, 16, 18, 23, 33]) {
    const { features } = madeRows({ rows: 300, width })
    const whole = binRows({ features })
    const parts = createBinnedRows({ binning: whole.binning, rows: 300 })
    for (const [from, to] of [
      [0, 100],
      [100, 300],
    ] as const) {
      const values = new Float32Array((to - from) * width)
      for (let row = from; row < to; row += 1) {
        features.columns.forEach((column, place) => {
          values[(row - from) * width + place] = column[row]!
        })
      }
      fillBinnedRows({ binned: parts, features: { layout: 'rows', values, width }, from })
    }
    expect(new Uint8Array(parts.columns)).toEqual(new Uint8Array(whole.columns))
    expect(new Uint8Array(parts.blocks)).toEqual(new Uint8Array(whole.blocks))
  }
})

test('features of unlike length, a broken last row and a part that does not fit are refused', () => {
  const unlike = [new Float32Array(3), new Float32Array(2)]
  expect(() => fitBinning({ features: { layout: 'columns', columns: unlike } })).toThrow(/one length, 3/)
  const broken = { layout: 'rows' as const, values: new Float32Array(5), width: 2 }
  expect(() => fitBinning({ features: broken })).toThrow(/whole rows of 2/)
  const { features } = madeRows({ rows: 10 })
  const binned = createBinnedRows({ binning: fitBinning({ features }), rows: 12 })
  expect(() => fillBinnedRows({ binned, features, from: 3 })).toThrow(/3 to 13 of 12/)
})
