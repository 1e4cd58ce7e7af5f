import { expect, test } from 'vitest'
import { openInference } from '../../../services/platform/onnx/inference.ts'
import { encodeModel, type OnnxNode } from '../../../services/platform/onnx/onnx-model.ts'

/** Square matrices of ones multiplied again and again: long work for one batch. */
function slowModel(): Buffer {
  const size = 512
  const raw_data = Buffer.alloc(4 * size * size)
  for (let place = 0; place < size * size; place += 1) raw_data.writeFloatLE(1 / size, 4 * place)
  const nodes: OnnxNode[] = []
  for (let step = 0; step < 60; step += 1) {
    nodes.push({
      name: `m${step}`,
      op_type: 'MatMul',
      input: [step === 0 ? 'x' : `y${step - 1}`, 'ones'],
      output: [`y${step}`],
    })
  }
  nodes.push({
    name: 'row',
    op_type: 'ReduceMean',
    input: ['y59'],
    output: ['y'],
    attribute: [
      { name: 'axes', type: 'INTS', ints: [1] },
      { name: 'keepdims', type: 'INT', i: 0 },
    ],
  })
  return encodeModel({
    ir_version: 8,
    opsets: { '': 15 },
    doc: '',
    graph: 'slow',
    initializers: [{ name: 'ones', dims: [size, size], data_type: 1, raw_data }],
    inputs: [{ name: 'x', shape: ['n', size] }],
    outputs: [{ name: 'y', shape: ['n'] }],
    nodes,
  })
}

test('a slow model does not hold the event loop: turns go on while it runs', async () => {
  const inference = openInference()
  try {
    const model = await inference.load(slowModel())
    let turns = 0
    let running = true
    const count = (): void => {
      turns += 1
      if (running) setImmediate(count)
    }
    setImmediate(count)
    const values = new Float32Array(2_000 * 512).fill(2)
    const { outputs } = await model.run({ input: 'x', outputs: ['y'], values, rows: 2_000, columns: 512 })
    running = false
    expect(outputs[0]?.[1_999]).toBeCloseTo(2, 3)
    // On this thread the batch would let through two turns: one before it and one after.
    expect(turns).toBeGreaterThan(50)
  } finally {
    await inference.close()
  }
})

test('an output of another length than the batch, and an input that does not fit, are model_pack_invalid', async () => {
  const inference = openInference()
  try {
    const model = await inference.load(slowModel())
    const run = (columns: number, outputs: string[]) =>
      model.run({ input: 'x', outputs, values: new Float32Array(columns), rows: 1, columns })
    await expect(run(511, ['y'])).rejects.toMatchObject({ code: 'model_pack_invalid' })
  } finally {
    await inference.close()
  }
})

test('what is asked of a closed inference is refused, not left waiting', async () => {
  const inference = openInference()
  const refused = expect(inference.load(slowModel())).rejects.toThrow(/inference thread ended, closed/)
  await inference.close()
  await refused
})
