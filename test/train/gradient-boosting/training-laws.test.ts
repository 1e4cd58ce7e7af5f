import fc from 'fast-check'
import { expect, test } from 'vitest'
import { binRows } from '../../../services/train/gradient-boosting/binned-rows.ts'
import { fitBinning } from '../../../services/train/gradient-boosting/binning.ts'
import { predict } from '../../../services/train/gradient-boosting/model.ts'
import type { Loss } from '../../../services/train/gradient-boosting/options.ts'
import { madeRows, trainHere, uniform } from './made-rows.ts'

const losses: Loss[] = [{ kind: 'squared' }, { kind: 'absolute' }, { kind: 'quantile', level: 0.3 }]

test('a constrained prediction never falls (or rises) with its feature, whatever the other features are', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.constantFrom(...losses),
      fc.constantFrom(-1, 1),
      fc.constantFrom('leaf-wise' as const, 'depth-wise' as const),
      (seed, loss, direction, growth) => {
        const made = madeRows({ rows: 400, seed })
        const { model } = trainHere({
          ...made,
          options: {
            loss,
            growth,
            rounds: 8,
            learningRate: 0.4,
            minChildWeight: 2,
            monotone: [direction, 0, direction, 0, 0, 0],
          },
        })
        const next = uniform(seed)
        for (let row = 0; row < 5; row += 1) {
          const others = made.features.columns.map((column) => column[Math.floor(next() * 400)]!)
          for (const constrained of [0, 2]) {
            const columns = others.map((value, place) =>
              Float32Array.from({ length: 60 }, (_, step) => (place === constrained ? step / 6 : value)),
            )
            const line = predict({ model, features: { layout: 'columns', columns } })
            for (let step = 1; step < 60; step += 1) {
              expect(direction * (line[step]! - line[step - 1]!)).toBeGreaterThanOrEqual(0)
            }
          }
        }
      },
    ),
    { numRuns: 15 },
  )
})

test.each(losses.slice(0, 2))('a weight of n counts as the row n times: $kind', (loss) => {
  const { features, target } = madeRows({ rows: 500 })
  const weights = target.map((_, row) => 1 + (row % 3))
  const places = [...weights].flatMap((weight, row) => Array<number>(weight).fill(row))
  const options = { loss, rounds: 4, maxDepth: 4, minChildWeight: 8 }
  const binning = fitBinning({ features })
  const repeatedFeatures = {
    layout: 'columns' as const,
    columns: features.columns.map((column) => Float32Array.from(places, (row) => column[row]!)),
  }
  const weighted = trainHere({ features: binRows({ features, binning }), target, weights, options })
  const repeated = trainHere({
    features: binRows({ features: repeatedFeatures, binning }),
    target: Float32Array.from(places, (row) => target[row]!),
    options,
  })
  expect(weighted.model.left).toEqual(repeated.model.left)
  expect(weighted.model.threshold).toEqual(repeated.model.threshold)
  const one = predict({ model: weighted.model, features })
  const other = predict({ model: repeated.model, features })
  one.forEach((value, row) => {
    expect(value).toBeCloseTo(other[row]!, 4)
  })
  expect(weighted.history[3]!.trainingLoss).toBeCloseTo(repeated.history[3]!.trainingLoss, 4)
})

test.each([0.1, 0.5, 0.9])('of fresh rows a share of about %f lies below its quantile', (level) => {
  const draw = (rows: number, seed: number) => {
    const next = uniform(seed)
    const column = Float32Array.from({ length: rows }, next)
    const target = column.map((value) => value * 10 - Math.log(next() + 1e-9) * (1 + 3 * value))
    return { features: { layout: 'columns' as const, columns: [column] }, target }
  }
  const loss = { kind: 'quantile' as const, level }
  const { model } = trainHere({
    ...draw(8000, 1),
    options: { loss, rounds: 40, maxDepth: 3, minChildWeight: 100 },
  })
  const fresh = draw(8000, 2)
  const predictions = predict({ model, features: fresh.features })
  const share = fresh.target.filter((value, row) => value <= predictions[row]!).length / 8000
  expect(Math.abs(share - level)).toBeLessThan(0.025)
})

test('rows left out of the training rows change nothing', () => {
  const { features, target } = madeRows({ rows: 1000 })
  const rows = Uint32Array.from({ length: 500 }, (_, place) => 2 * place)
  const spoilt = target.map((value, row) => (row % 2 === 0 ? value : Number.NaN))
  const options = { rounds: 3 }
  expect(trainHere({ features, target: spoilt, rows, options })).toEqual(
    trainHere({ features, target, rows, options }),
  )
})

test('more rounds lower the training loss of every loss', () => {
  for (const loss of losses) {
    const { history } = trainHere({ ...madeRows({ rows: 800 }), options: { loss, rounds: 30 } })
    history.slice(1).forEach((round, place) => {
      expect(round.trainingLoss).toBeLessThanOrEqual(history[place]!.trainingLoss + 1e-9)
    })
    expect(history[29]!.trainingLoss).toBeLessThan(0.7 * history[0]!.trainingLoss)
  }
})
