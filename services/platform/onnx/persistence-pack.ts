import { createHash } from 'node:crypto'
import { FEATURE_SET, featuresHash } from '../../domain/features.ts'
import { type ModelListVersion, type PackManifest, packDirectory } from '../../domain/model-pack.ts'
import { encodeModel, scalarInt64 } from './onnx-model.ts'

/** Below every trained model, which begin at 1.0.0. Any change of the bytes below is a new version: packs never change. */
const PERSISTENCE_VERSION = '0.1.0'
/** The oldest pair that has all we use and that every ONNX Runtime since 1.10 reads. */
const IR_VERSION = 8
const OPSET = 15
const FEATURES = ['bikes', 'docks']

export interface PackFile {
  path: string
  bytes: Buffer
}

/**
 * Packs that say "as many as now": the mean of bikes and of docks at the target is that of bin T. Real models, computed
 * in the graph (a Gather of one column each), so that they take the same way as a trained one. They know neither
 * quantiles nor probabilities. A station whose docks are unknown gets NaN docks, thus none.
 */
export function buildPersistencePack(horizons: readonly number[]): {
  version: ModelListVersion
  files: PackFile[]
} {
  const files: PackFile[] = []
  const entries: ModelListVersion['horizons'] = {}
  for (const horizon of horizons) {
    const model = encodeModel({
      ir_version: IR_VERSION,
      opsets: { '': OPSET },
      doc: `Persistence: bikes and docks in ${horizon} minutes are those of now.`,
      graph: `persistence_h${horizon}`,
      initializers: [scalarInt64('bikes_column', 0), scalarInt64('docks_column', 1)],
      inputs: [{ name: 'features', shape: ['stations', FEATURES.length] }],
      outputs: [
        { name: 'bikes_mean', shape: ['stations'] },
        { name: 'docks_mean', shape: ['stations'] },
      ],
      nodes: ['bikes', 'docks'].map((count) => ({
        name: `take_${count}`,
        op_type: 'Gather',
        input: ['features', `${count}_column`],
        output: [`${count}_mean`],
        attribute: [{ name: 'axis', type: 'INT', i: 1 }],
      })),
    })
    const manifest: PackManifest = {
      name: 'persistence',
      version: PERSISTENCE_VERSION,
      horizon_min: horizon,
      features: { set: FEATURE_SET, names: FEATURES, hash: featuresHash(FEATURES) },
      input: 'features',
      outputs: { bikes_mean: 'bikes_mean', docks_mean: 'docks_mean' },
      sha256: sha256(model),
      ir_version: IR_VERSION,
      opset: OPSET,
      golden: {
        inputs: [
          [0, 31],
          [12, null],
          [40, 2],
        ],
        outputs: { bikes_mean: [0, 12, 40], docks_mean: [31, null, 2] },
        tolerance: 0,
      },
      created_from: null,
    }
    const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
    const directory = packDirectory({ horizon, version: PERSISTENCE_VERSION })
    files.push({ path: `${directory}/model.onnx`, bytes: model })
    files.push({ path: `${directory}/manifest.json`, bytes })
    entries[horizon] = { path: `${directory}/manifest.json`, sha256: sha256(bytes) }
  }
  const version = {
    version: PERSISTENCE_VERSION,
    effective_from: '1970-01-01T00:00:00.000Z',
    horizons: entries,
  }
  return { version, files }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
