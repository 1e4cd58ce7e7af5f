import { FEATURE_SET, featuresHash } from '../../services/domain/features.ts'
import {
  MODEL_LIST_PATH,
  type ModelList,
  type PackManifest,
  packDirectory,
} from '../../services/domain/model-pack.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { encodeModel } from '../../services/platform/onnx/onnx-model.ts'
import { sha256 } from '../../services/platform/onnx/persistence-pack.ts'

const NAMES = ['bikes', 'bikes_lag3']

/**
 * Puts a model that reads history and gives all that a model can: mean = 1.5 bikes now − 0.5 bikes 15 minutes ago (0 where
 * unknown), a band of 2 to both sides, P(a bike) = sigmoid(mean), P(a dock) = sigmoid(1 − mean).
 */
export async function putTrendPack({
  objects,
  version,
  from,
}: {
  objects: ObjectStore
  version: string
  /** In force from this bin on, epoch ms. */
  from: number
}): Promise<void> {
  const floats = (name: string, values: number[], dims: number[]) => {
    const raw_data = Buffer.alloc(4 * values.length)
    for (const [place, value] of values.entries()) raw_data.writeFloatLE(value, 4 * place)
    return { name, dims, data_type: 1, raw_data }
  }
  const node = (op_type: string, input: string[], output: string) => ({
    name: output,
    op_type,
    input,
    output: [output],
  })
  const outputs = ['mean', 'q10', 'q90', 'bike', 'dock']
  const horizons: ModelList['versions'][number]['horizons'] = {}
  const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value))
  for (const horizon of [15, 60]) {
    const model = encodeModel({
      ir_version: 8,
      opsets: { '': 15 },
      doc: '',
      graph: 'trend',
      initializers: [
        floats('weights', [1.5, -0.5], [2, 1]),
        floats('zero', [0], [1]),
        floats('one', [1], [1]),
        floats('two', [2], [1]),
      ],
      inputs: [{ name: 'features', shape: ['n', 2] }],
      outputs: outputs.map((name) => ({ name, shape: ['n', 1] })),
      nodes: [
        node('IsNaN', ['features'], 'unknown'),
        node('Where', ['unknown', 'zero', 'features'], 'known'),
        node('MatMul', ['known', 'weights'], 'mean'),
        node('Sub', ['mean', 'two'], 'q10'),
        node('Add', ['mean', 'two'], 'q90'),
        node('Sigmoid', ['mean'], 'bike'),
        node('Sub', ['one', 'mean'], 'rest'),
        node('Sigmoid', ['rest'], 'dock'),
      ],
    })
    const manifest: PackManifest = {
      name: 'trend',
      version,
      horizon_min: horizon,
      features: { set: FEATURE_SET, names: NAMES, hash: featuresHash(NAMES) },
      input: 'features',
      outputs: { bikes_mean: 'mean', bikes_q10: 'q10', bikes_q90: 'q90', p_bike: 'bike', p_dock: 'dock' },
      sha256: sha256(model),
      ir_version: 8,
      opset: 15,
      golden: {
        inputs: [[2, 4]],
        outputs: {
          bikes_mean: [1],
          bikes_q10: [-1],
          bikes_q90: [3],
          p_bike: [sigmoid(1)],
          p_dock: [sigmoid(0)],
        },
        tolerance: 1e-5,
      },
      created_from: null,
    }
    const directory = packDirectory({ horizon, version })
    const bytes = Buffer.from(JSON.stringify(manifest))
    await objects.put(`${directory}/model.onnx`, model)
    await objects.put(`${directory}/manifest.json`, bytes)
    horizons[horizon] = { path: `${directory}/manifest.json`, sha256: sha256(bytes) }
  }
  const found = await objects.get(MODEL_LIST_PATH)
  const list: ModelList = found === null ? { versions: [] } : JSON.parse(found.bytes.toString())
  list.versions.push({ version, effective_from: new Date(from).toISOString(), horizons })
  await objects.put(MODEL_LIST_PATH, Buffer.from(JSON.stringify(list)))
}
