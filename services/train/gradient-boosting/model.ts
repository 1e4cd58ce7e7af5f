import { VelocastError } from '../../platform/errors.ts'
import { assertFeatures, columnOf, type Features, featureCount, rowCount } from './features.ts'

/** Rows that go through all trees together. */
const ROW_BLOCK = 512

/** Nodes as columns. A split sends `value < threshold` left; the right child follows the left one. */
export interface TreeArrays {
  /** The left child, counted from the tree's first node; 0 marks a leaf. */
  left: Int32Array
  feature: Uint16Array
  /** Single precision; −Infinity sends every present value right. */
  threshold: Float32Array
  /** 1: missing values go left. */
  missingLeft: Uint8Array
  /** Leaf value, learning rate included. */
  value: Float32Array
  /** Gain of the split: twice the fall of the training loss, in units of the loss. */
  gain: Float32Array
}

/** A trained ensemble: base plus the leaf values of all trees. Plain data, to be posted or stored. */
export interface BoostedTrees extends TreeArrays {
  features: number
  base: number
  /** First node of each tree, and the end of the last. */
  starts: Int32Array
}

export function treeCount(model: BoostedTrees): number {
  return model.starts.length - 1
}

/**
 * Predictions of all rows, or of the trees of the first `rounds` rounds. Sums in double precision, so it agrees with
 * ONNX Runtime's single-precision sums to about 1e-6 of the values' size. Throws `request_invalid`.
 */
export function predict({
  model,
  features,
  rounds = treeCount(model),
}: {
  model: BoostedTrees
  features: Features
  rounds?: number
}): Float32Array<ArrayBuffer> {
  assertFeatures(features)
  if (featureCount(features) !== model.features) {
    const message = `features must have the model's ${model.features} columns, got ${featureCount(features)}`
    throw new VelocastError({ code: 'request_invalid', message })
  }
  const { starts, left, feature, threshold, missingLeft, value } = model
  const count = rowCount(features)
  const columns = Array.from({ length: model.features }, (_, place) => columnOf(features, place))
  const predictions = new Float32Array(count)
  const sums = new Float64Array(ROW_BLOCK)
  const block = new Float32Array(ROW_BLOCK * model.features)
  for (let from = 0; from < count; from += ROW_BLOCK) {
    const size = Math.min(ROW_BLOCK, count - from)
    columns.forEach(({ values, stride, offset }, place) => {
      for (let row = 0; row < size; row += 1) {
        block[row * model.features + place] = values[(from + row) * stride + offset]!
      }
    })
    sums.fill(model.base)
    for (let tree = 0; tree < rounds; tree += 1) {
      const root = starts[tree]!
      for (let row = 0; row < size; row += 1) {
        const first = row * model.features
        let node = root
        while (left[node] !== 0) {
          const found = block[first + feature[node]!]!
          const goesLeft = found < threshold[node]! || (missingLeft[node] === 1 && Number.isNaN(found))
          node = root + left[node]! + (goesLeft ? 0 : 1)
        }
        sums[row]! += value[node]!
      }
    }
    predictions.set(sums.subarray(0, size), from)
  }
  return predictions
}

/** What each feature gave: the sum of its splits' gains, and their number. */
export function importance(model: BoostedTrees): { gain: Float64Array; splits: Uint32Array } {
  const gain = new Float64Array(model.features)
  const splits = new Uint32Array(model.features)
  for (let node = 0; node < model.left.length; node += 1) {
    if (model.left[node] === 0) continue
    gain[model.feature[node]!]! += model.gain[node]!
    splits[model.feature[node]!]! += 1
  }
  return { gain, splits }
}
