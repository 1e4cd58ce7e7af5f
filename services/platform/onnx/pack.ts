import { MODEL_OUTPUTS, type ModelOutput } from '../../domain/forecast.ts'
import { trainedManifestFaults, trainedManifestSchema } from '../../domain/forecasting/trained-manifest.ts'
import {
  goldenFault,
  type ModelListVersion,
  manifestFaults,
  type PackManifest,
  packManifestSchema,
} from '../../domain/model-pack.ts'
import type { ObjectStore } from '../object-store/port.ts'
import type { Inference, InferenceModel } from './inference.ts'
import { PackReader } from './pack-reader.ts'
import { loadTrainedPack, type TrainedModelPack } from './trained-pack.ts'

type OutputField = (typeof MODEL_OUTPUTS)[number]
/** Forecast field → one value a row; fields without an output are absent. */
export type BatchOutput = Partial<Record<OutputField, Float32Array>>

/** A pack whose model gives the forecast itself (persistence), proved by every check. */
export interface DirectPack {
  kind: 'direct'
  manifest: PackManifest
  /** Name and version, as forecasts carry it: `persistence@0.1.0`. */
  version: string
  /** One batch; `features` is rows × manifest.features.names.length, row after row, and is handed over. */
  predict(features: Float32Array, rows: number): Promise<{ output: BatchOutput; milliseconds: number }>
  release(): Promise<void>
}
export type ModelPack = DirectPack | TrainedModelPack

/**
 * Loads and proves a pack: manifest by its SHA-256, files by the manifest's, system, horizon, version and features as
 * asked, input and outputs present, golden outputs reproduced. Throws `model_pack_invalid` with every fault found at the
 * step that failed, or the object store's retryable errors.
 */
export async function loadModelPack({
  objects,
  inference,
  system,
  horizon,
  version,
}: {
  objects: Pick<ObjectStore, 'get'>
  inference: Inference
  system: string
  /** Minutes. */
  horizon: number
  version: ModelListVersion
}): Promise<ModelPack> {
  const reader = new PackReader(objects, { horizon, version })
  const json = await reader.manifest()
  const trained = typeof json === 'object' && json !== null && 'ensembles' in json
  const parsed = (trained ? trainedManifestSchema : packManifestSchema).safeParse(json)
  if (!parsed.success) {
    throw reader.invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`))
  }
  const asked = { horizon, version: version.version }
  if ('ensembles' in parsed.data) {
    const manifest = parsed.data
    const faults = trainedManifestFaults({ manifest, system, ...asked })
    if (faults.length > 0) throw reader.invalid(faults)
    return loadTrainedPack({ reader, inference, manifest })
  }
  const manifest = parsed.data
  const faults = manifestFaults({ manifest, ...asked })
  if (faults.length > 0) throw reader.invalid(faults)
  return loadDirectPack({ reader, inference, manifest })
}

async function loadDirectPack({
  reader,
  inference,
  manifest,
}: {
  reader: PackReader
  inference: Inference
  manifest: PackManifest
}): Promise<DirectPack> {
  const model = await inference.load(await reader.file('model.onnx', manifest.sha256))
  try {
    const outputs = Object.values(manifest.outputs).filter((name) => name !== undefined)
    reader.assertShape(model, { input: manifest.input, outputs })
    const { inputs } = manifest.golden
    const { output } = await predict(
      model,
      manifest,
      Float32Array.from(inputs.flat(), (value) => value ?? Number.NaN),
      inputs.length,
    )
    const fault = goldenFault({ golden: manifest.golden, actual: output })
    if (fault !== null) throw reader.invalid([fault])
  } catch (error) {
    await model.release()
    throw error
  }
  return {
    kind: 'direct',
    manifest,
    version: `${manifest.name}@${manifest.version}`,
    predict: (features, rows) => predict(model, manifest, features, rows),
    release: () => model.release(),
  }
}

/** Row `row` of a batch. */
export function rowOf(output: BatchOutput, row: number): ModelOutput {
  const result: ModelOutput = { bikes_mean: Number.NaN }
  for (const field of MODEL_OUTPUTS) {
    const value = output[field]?.[row]
    if (value !== undefined) result[field] = value
  }
  return result
}

async function predict(
  model: InferenceModel,
  manifest: PackManifest,
  values: Float32Array,
  rows: number,
): Promise<{ output: BatchOutput; milliseconds: number }> {
  const fields = MODEL_OUTPUTS.filter((field) => manifest.outputs[field] !== undefined)
  const { outputs, milliseconds } = await model.run({
    input: manifest.input,
    outputs: fields.map((field) => manifest.outputs[field]!),
    values,
    rows,
    columns: manifest.features.names.length,
  })
  const output: BatchOutput = {}
  fields.forEach((field, place) => {
    output[field] = outputs[place]!
  })
  return { output, milliseconds }
}
