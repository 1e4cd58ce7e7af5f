import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { openInference } from '../../../services/platform/onnx/inference.ts'
import { encodeTreeEnsembles } from '../../../services/platform/onnx/tree-ensemble.ts'
import { type BoostedTrees, predict } from '../../../services/train/gradient-boosting/model.ts'
import { madeRows, trainHere } from './made-rows.ts'

const WIDTH = 6
const inference = openInference()
afterAll(() => inference.close())

async function onnxPredictions(model: BoostedTrees, rows: Float32Array): Promise<Float32Array> {
  const loaded = await inference.load(encodeTreeEnsembles({ prediction: model }, { doc: 'test' }))
  const values = Float32Array.from(rows)
  const batch = {
    input: 'features',
    outputs: ['prediction'],
    values,
    rows: rows.length / WIDTH,
    columns: WIDTH,
  }
  const { outputs } = await loaded.run(batch)
  await loaded.release()
  return outputs[0]!
}

function largestDifference(one: Float32Array, other: Float32Array): number {
  return one.reduce((largest, value, row) => Math.max(largest, Math.abs(value - other[row]!)), 0)
}

test('ONNX Runtime agrees within 1e-4 on random rows, missing values and values on the very edges', async () => {
  const { model } = trainHere({
    ...madeRows({ rows: 3000, missing: 0.3 }),
    options: { rounds: 60, minChildWeight: 3 },
  })
  const edges = [...new Set(model.threshold)]
  const cell = fc.oneof(
    fc.constant(Number.NaN),
    fc.double({ min: -2, max: 12, noNaN: true }),
    fc.constantFrom(...edges),
    fc.float(),
    fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0),
  )
  const batch = fc.array(cell, { minLength: 200 * WIDTH, maxLength: 200 * WIDTH })
  await fc.assert(
    fc.asyncProperty(batch, async (cells) => {
      const values = Float32Array.from(cells)
      const own = predict({ model, features: { layout: 'rows', values, width: WIDTH } })
      expect(largestDifference(own, await onnxPredictions(model, values))).toBeLessThan(1e-4)
    }),
    { numRuns: 15 },
  )
})

test('training rows get the predictions that training ended with, in the trainer and in ONNX Runtime', async () => {
  const { features, target } = madeRows({ rows: 2000, missing: 0.4 })
  const { model, history } = trainHere({ features, target, options: { rounds: 20, columnShare: 0.5 } })
  const rows = new Float32Array(2000 * WIDTH)
  features.columns.forEach((column, place) => {
    column.forEach((value, row) => {
      rows[row * WIDTH + place] = value
    })
  })
  const own = predict({ model, features })
  expect(largestDifference(own, await onnxPredictions(model, rows))).toBeLessThan(1e-4)
  const mean = own.reduce((sum, value, row) => sum + (value - target[row]!) ** 2, 0) / 2000
  expect(mean).toBeCloseTo(history.at(-1)!.trainingLoss, 5)
})

test('a model without a split, and one that splits only missing from present, are valid ONNX', async () => {
  const flat = madeRows({ rows: 60 })
  const { model } = trainHere({ ...flat, target: new Float32Array(60).fill(4), options: { rounds: 2 } })
  expect([...(await onnxPredictions(model, new Float32Array(WIDTH * 2)))]).toEqual([4, 4])
  const columns = flat.features.columns.map(() =>
    Float32Array.from({ length: 60 }, (_, row) => (row < 20 ? Number.NaN : 1)),
  )
  const target = Float32Array.from({ length: 60 }, (_, row) => (row < 20 ? 10 : 0))
  const options = { rounds: 1, learningRate: 1, l2: 0, minChildWeight: 1 }
  const alone = trainHere({ features: { layout: 'columns', columns }, target, options }).model
  expect(alone.threshold[0]).toBe(Number.NEGATIVE_INFINITY)
  const rows = new Float32Array(WIDTH * 3)
  rows.fill(Number.NaN, 0, WIDTH)
  rows.fill(Number.NEGATIVE_INFINITY, WIDTH, 2 * WIDTH)
  const predictions = await onnxPredictions(alone, rows)
  expect([...predictions]).toEqual([10, 0, 0].map((value) => expect.closeTo(value, 5)))
})
