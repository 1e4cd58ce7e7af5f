import { expect, test } from 'vitest'
import { binRows } from '../../../services/train/gradient-boosting/binned-rows.ts'
import { importance, predict, treeCount } from '../../../services/train/gradient-boosting/model.ts'
import { trainGradientBoosting } from '../../../services/train/gradient-boosting/train.ts'
import { madeRows, trainHere } from './made-rows.ts'

const one = { learningRate: 1, l2: 0, minChildWeight: 1 }
const column = (...values: number[]) => ({ layout: 'columns' as const, columns: [Float32Array.from(values)] })

test('a stump finds the step and its two means', () => {
  const features = column(1, 2, 3, 4, 5, 6)
  const target = Float32Array.of(1, 2, 3, 11, 12, 13)
  const { model, history } = trainHere({ features, target, options: { ...one, rounds: 1, maxDepth: 1 } })
  expect([...model.left]).toEqual([1, 0, 0])
  expect(model.threshold[0]).toBe(3.5)
  expect([...predict({ model, features })]).toEqual([2, 2, 2, 12, 12, 12])
  expect(history).toEqual([{ round: 1, trainingLoss: 4 / 6, validationLoss: null, bestRound: 1 }])
  expect(importance(model)).toEqual({ gain: Float64Array.of(150), splits: Uint32Array.of(1) })
})

test('penalties shrink a leaf to T(G) / (W + l2), and the learning rate scales it', () => {
  const features = column(0, 0, 1, 1)
  const target = Float32Array.of(-4, -4, 4, 4)
  const options = { ...one, rounds: 1, maxDepth: 1, l1: 2, l2: 1, learningRate: 0.5 }
  const { model } = trainHere({ features, target, options })
  expect([...predict({ model, features })]).toEqual([-1, -1, 1, 1])
})

test('absolute error gives each leaf its median', () => {
  const features = column(0, 0, 0, 1, 1, 1)
  const target = Float32Array.of(1, 2, 90, 10, 20, 30)
  const options = { ...one, rounds: 1, maxDepth: 1, loss: { kind: 'absolute' as const } }
  const { model } = trainHere({ features, target, options })
  expect([...predict({ model, features })]).toEqual([2, 2, 2, 20, 20, 20])
})

test('missing values go to the side that fits them, and may be split from all others', () => {
  const nan = Number.NaN
  const low = column(1, 2, 8, 9, nan, nan)
  const likeHigh = trainHere({
    features: low,
    target: Float32Array.of(0, 0, 6, 6, 6, 6),
    options: { ...one, rounds: 1, maxDepth: 1 },
  })
  expect([...predict({ model: likeHigh.model, features: column(nan, 0, 10) })]).toEqual([6, 0, 6])
  const likeLow = trainHere({
    features: low,
    target: Float32Array.of(0, 0, 6, 6, 0, 0),
    options: { ...one, rounds: 1, maxDepth: 1 },
  })
  expect([...predict({ model: likeLow.model, features: column(nan, 0, 10) })]).toEqual([0, 0, 6])
  const alone = trainHere({
    features: low,
    target: Float32Array.of(3, 3, 3, 3, 9, 9),
    options: { ...one, rounds: 1, maxDepth: 1 },
  })
  const extremes = column(nan, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 5)
  expect([...predict({ model: alone.model, features: extremes })]).toEqual([9, 3, 3, 3])
})

test.each([
  ['squared error', { loss: { kind: 'squared' as const } }],
  ['weights, sampling, a constraint', { rowShare: 0.7, columnShare: 0.6, monotone: [0, 0, 1, 0, 0, 0] }],
  ['leaf-wise quantile', { loss: { kind: 'quantile' as const, level: 0.8 }, growth: 'leaf-wise' as const }],
])('one, two and three threads give the same model, bit for bit: %s', async (name, options) => {
  const { features, target } = madeRows({ rows: 5000 })
  const binned = binRows({ features })
  const weights = name.startsWith('weights') ? target.map((_, row) => 0.2 + (row % 17) / 17) : undefined
  const input = {
    features: binned,
    target,
    ...(weights && { weights }),
    validation: Uint32Array.from({ length: 1000 }, (_, row) => 4000 + row),
  }
  const common = { ...options, rounds: 5, maxDepth: 5, seed: 3 }
  const here = trainHere({ ...input, options: common })
  for (const threads of [2, 3]) {
    const { model, history } = await trainGradientBoosting({ ...input, options: { ...common, threads } })
    expect(model).toEqual(here.model)
    expect(history).toEqual(here.history)
  }
})

test('of equal columns the first one is taken, with any number of threads', async () => {
  const { features, target } = madeRows({ rows: 2000 })
  const twice = { layout: 'columns' as const, columns: [...features.columns, ...features.columns] }
  const options = { rounds: 4, maxDepth: 4 }
  const once = trainHere({ features, target, options }).model
  const { model } = await trainGradientBoosting({
    features: twice,
    target,
    options: { ...options, threads: 2 },
  })
  expect(model).toEqual({ ...once, features: 12 })
})

test('the seed decides the samples: equal seeds give equal models, others other ones', () => {
  const made = madeRows({ rows: 2000 })
  const train = (seed: number) =>
    trainHere({ ...made, options: { rounds: 3, rowShare: 0.5, columnShare: 0.5, seed } }).model
  expect(train(1)).toEqual(train(1))
  expect(train(1)).not.toEqual(train(2))
})

test('training ends `patience` rounds after the best validation loss and keeps the trees up to it', () => {
  const { features, target } = madeRows({ rows: 600 })
  const validation = Uint32Array.from({ length: 300 }, (_, row) => 300 + row)
  const options = { rounds: 400, learningRate: 0.5, minChildWeight: 1, patience: 6 }
  const { model, history } = trainHere({ features, target, validation, options })
  const losses = history.map((round) => round.validationLoss!)
  const best = losses.indexOf(Math.min(...losses)) + 1
  expect(history.length).toBe(best + 6)
  expect(treeCount(model)).toBe(best)
  const predictions = predict({ model, features })
  const mean = validation.reduce((sum, row) => sum + (predictions[row]! - target[row]!) ** 2, 0) / 300
  expect(mean).toBeCloseTo(losses[best - 1]!, 5)
})

test('both ways of growth keep both limits, and leaf-wise growth takes the greater gains', () => {
  const made = madeRows({ rows: 4000 })
  const shared = { rounds: 1, maxLeaves: 9, learningRate: 1, minChildWeight: 5 }
  const loss = (growth: 'leaf-wise' | 'depth-wise', maxDepth: number): number => {
    const { model, history } = trainHere({ ...made, options: { ...shared, growth, maxDepth } })
    expect(model.left.filter((left) => left === 0).length).toBeLessThanOrEqual(Math.min(9, 2 ** maxDepth))
    return history[0]!.trainingLoss
  }
  expect(loss('leaf-wise', 20)).toBeLessThanOrEqual(loss('depth-wise', 20))
  expect(loss('leaf-wise', 2)).toBe(loss('depth-wise', 2))
})

test('an aborted training rejects with the reason, and so does one whose progress throws', async () => {
  const made = madeRows({ rows: 3000 })
  const controller = new AbortController()
  const reason = new Error('stopped by hand')
  const aborted = trainGradientBoosting({
    ...made,
    options: { rounds: 100_000, threads: 2 },
    signal: controller.signal,
    onProgress: ({ round }) => {
      if (round === 2) controller.abort(reason)
    },
  })
  await expect(aborted).rejects.toBe(reason)
  const thrown = new Error('no more')
  const failed = trainGradientBoosting({
    ...made,
    options: { rounds: 100_000 },
    onProgress: () => {
      throw thrown
    },
  })
  await expect(failed).rejects.toBe(thrown)
})

test('unusable input is refused with the row or the option that is wrong', () => {
  const { features, target } = madeRows({ rows: 50 })
  const odd = target.slice()
  odd[7] = Number.NaN
  expect(() => trainHere({ features, target: odd })).toThrow(/training row 7: got NaN/)
  const without = Uint32Array.of(7)
  expect(() => trainHere({ features, target: odd, validation: without })).toThrow(/validation row 7/)
  expect(() => trainHere({ features, target: target.subarray(1) })).toThrow(/each of 50 rows, got 49/)
  expect(() => trainHere({ features, target, rows: Uint32Array.of(1, 4, 1) })).toThrow(/row 1 once/)
  const both = { rows: Uint32Array.of(1, 2, 3), validation: Uint32Array.of(0, 2) }
  expect(() => trainHere({ features, target, ...both })).toThrow(/row 2 once/)
  expect(() => trainHere({ features, target, rows: Uint32Array.of(50) })).toThrow(/below 50, got 50/)
  const weights = new Float32Array(50)
  expect(() => trainHere({ features, target, weights })).toThrow(/weigh more than 0/)
  weights[3] = -1
  expect(() => trainHere({ features, target, weights })).toThrow(/training row 3: got -1/)
  expect(() => trainHere({ features, target, options: { rowShare: 0 } })).toThrow(/rowShare.*got 0/)
  expect(() => trainHere({ features, target, options: { monotone: [1] } })).toThrow(/each of 6 features/)
})
