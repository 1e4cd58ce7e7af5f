import { MODEL_OUTPUTS, type ModelOutput } from '../../domain/forecast.ts'
import {
  goldenFault,
  type ModelListVersion,
  manifestFaults,
  type PackManifest,
  packManifestSchema,
} from '../../domain/model-pack.ts'
import { VelocastError } from '../errors.ts'
import type { ObjectStore } from '../object-store/port.ts'
import type { Inference, InferenceModel } from './inference.ts'
import { sha256 } from './persistence-pack.ts'

type OutputField = (typeof MODEL_OUTPUTS)[number]
/** Forecast field → one value a row; fields without an output are absent. */
export type BatchOutput = Partial<Record<OutputField, Float32Array>>

/** A pack that passed every check. */
export interface ModelPack {
  manifest: PackManifest
  /** Name and version, as forecasts carry it: `persistence@0.1.0`. */
  version: string
  /** One batch; `features` is rows × manifest.features.names.length, row after row, and is handed over. */
  predict(features: Float32Array, rows: number): Promise<{ output: BatchOutput; milliseconds: number }>
  release(): Promise<void>
}

/**
 * Loads and proves a pack: manifest by its SHA-256, model by the manifest's, horizon, version and features as asked,
 * input and outputs present, golden outputs reproduced. Throws `model_pack_invalid` with every fault found at the step
 * that failed, or the object store's retryable errors.
 */
export async function loadModelPack({
  objects,
  inference,
  horizon,
  version,
}: {
  objects: Pick<ObjectStore, 'get'>
  inference: Inference
  /** Minutes. */
  horizon: number
  version: ModelListVersion
}): Promise<ModelPack> {
  const entry = version.horizons[horizon]!
  const invalid = (faults: string[]): VelocastError =>
    new VelocastError({
      code: 'model_pack_invalid',
      message: `model pack ${entry.path} is refused, publish a corrected version: ${faults.join('; ')}`,
      data: { horizon, version: version.version },
    })
  const bytesOf = async (path: string, digest: string): Promise<Buffer> => {
    const object = await objects.get(path)
    if (object === null) throw invalid([`${path} is missing`])
    const found = sha256(object.bytes)
    if (found !== digest) throw invalid([`sha256 of ${path} must be ${digest}, got ${found}`])
    return object.bytes
  }

  const manifest = parseManifest(await bytesOf(entry.path, entry.sha256), invalid)
  const faults = manifestFaults({ manifest, horizon, version: version.version })
  if (faults.length > 0) throw invalid(faults)
  const path = entry.path.replace(/[^/]*$/, 'model.onnx')
  const model = await inference.load(await bytesOf(path, manifest.sha256))
  try {
    const shapeFaults = missingNames(manifest, model)
    if (shapeFaults.length > 0) throw invalid(shapeFaults)
    const { inputs } = manifest.golden
    const { output } = await predict(
      model,
      manifest,
      Float32Array.from(inputs.flat(), (value) => value ?? Number.NaN),
      inputs.length,
    )
    const fault = goldenFault({ golden: manifest.golden, actual: output })
    if (fault !== null) throw invalid([fault])
  } catch (error) {
    await model.release()
    throw error
  }
  return {
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

function parseManifest(bytes: Buffer, invalid: (faults: string[]) => VelocastError): PackManifest {
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw invalid(['manifest is not JSON'])
  }
  const parsed = packManifestSchema.safeParse(json)
  if (parsed.success) return parsed.data
  throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`))
}

function missingNames(manifest: PackManifest, model: InferenceModel): string[] {
  const faults: string[] = []
  if (model.inputs.length !== 1 || model.inputs[0] !== manifest.input) {
    faults.push(`model's only input must be ${manifest.input}, got ${model.inputs.join(', ')}`)
  }
  for (const name of Object.values(manifest.outputs)) {
    if (name !== undefined && !model.outputs.includes(name))
      faults.push(`model must have the output ${name}, got ${model.outputs.join(', ')}`)
  }
  return faults
}
