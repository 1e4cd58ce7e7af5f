import { expect, test } from 'vitest'
import { deserializeModel, serializeModel } from '../../../services/train/gradient-boosting/model-file.ts'
import { madeRows, trainHere } from './made-rows.ts'

const { model } = trainHere({ ...madeRows({ rows: 500 }), options: { rounds: 4 } })

test('a model read back is the model written, from any place in memory', () => {
  const bytes = serializeModel(model)
  expect(deserializeModel(bytes)).toEqual(model)
  const moved = new Uint8Array(bytes.length + 3)
  moved.set(bytes, 3)
  expect(deserializeModel(moved.subarray(3))).toEqual(model)
  expect(serializeModel(deserializeModel(bytes))).toEqual(bytes)
})

test('bytes cut off anywhere, of another format, or with a child that leads back are refused', () => {
  const bytes = serializeModel(model)
  for (let length = 0; length < bytes.length; length += 97) {
    expect(() => deserializeModel(bytes.subarray(0, length))).toThrow(/is refused/)
  }
  const other = bytes.slice()
  other[0] = 0
  expect(() => deserializeModel(other)).toThrow(/must begin with VCGBT001/)
  const loop = serializeModel({ ...model, left: model.left.map((left, node) => (node === 1 ? 1 : left)) })
  expect(() => deserializeModel(loop)).toThrow(/child of node 1 of tree 0/)
  const feature = serializeModel({
    ...model,
    feature: model.feature.map((own, node) => (node === 0 ? 6 : own)),
  })
  expect(() => deserializeModel(feature)).toThrow(/below 6, got 6/)
})
