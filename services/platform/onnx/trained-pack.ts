import {
  ASINH_SCALE,
  type Calibration,
  ENSEMBLES,
  type EnsembleOutputs,
} from '../../domain/forecasting/calibration.ts'
import { decodeCalibration } from '../../domain/forecasting/calibration-file.ts'
import { decodeEncoders, type PackEncoders } from '../../domain/forecasting/encoders-file.ts'
import { goldenBatch, trainedGoldenFault } from '../../domain/forecasting/trained-golden.ts'
import { PACK_FILES, type TrainedManifest } from '../../domain/forecasting/trained-manifest.ts'
import type { Inference, InferenceModel } from './inference.ts'
import type { PackReader } from './pack-reader.ts'

/** A trained pack that passed every check. Memory: the encoders (3 kB a station) and the session. */
export interface TrainedModelPack {
  kind: 'trained'
  manifest: TrainedManifest
  /** Name and version, as forecasts carry it: `trees@1.0.0`. */
  version: string
  encoders: PackEncoders
  calibration: Calibration
  /** One batch; `features` is rows × manifest.features.names.length, row after row, and is handed over. */
  predict(features: Float32Array, rows: number): Promise<{ outputs: EnsembleOutputs; milliseconds: number }>
  release(): Promise<void>
}

/**
 * Loads and proves a trained pack whose manifest was: files by their SHA-256, encoders and calibration of one station
 * table, the graph's input and outputs, golden rows reproduced by the model and the calibration.
 */
export async function loadTrainedPack({
  reader,
  inference,
  manifest,
}: {
  reader: PackReader
  inference: Inference
  manifest: TrainedManifest
}): Promise<TrainedModelPack> {
  const file = (name: string): Promise<Buffer> => reader.file(name, manifest.files[name]!.sha256)
  const encoders = reader.decoded(decodeEncoders, await file(PACK_FILES.encoders))
  const stations = encoders.places.length
  if (stations !== manifest.stations) {
    throw reader.invalid([`stations must be ${manifest.stations}, got ${stations} in ${PACK_FILES.encoders}`])
  }
  const calibration = reader.decoded(
    (bytes) => decodeCalibration(bytes, { stations }),
    await file(PACK_FILES.calibration),
  )
  const model = await inference.load(await reader.file(PACK_FILES.model, manifest.sha256))
  try {
    reader.assertShape(model, { input: manifest.input, outputs: Object.values(manifest.ensembles) })
    const { outputs } = await predict(model, manifest, goldenBatch(manifest), manifest.golden.length)
    const fault = trainedGoldenFault({ manifest, calibration, outputs })
    if (fault !== null) throw reader.invalid([fault])
  } catch (error) {
    await model.release()
    throw error
  }
  return {
    kind: 'trained',
    manifest,
    version: `${manifest.name}@${manifest.version}`,
    encoders,
    calibration,
    predict: (features, rows) => predict(model, manifest, features, rows),
    release: () => model.release(),
  }
}

/** Outputs in bikes: the robust ensemble's is turned back from its scale. */
async function predict(
  model: InferenceModel,
  manifest: TrainedManifest,
  values: Float32Array,
  rows: number,
): Promise<{ outputs: EnsembleOutputs; milliseconds: number }> {
  const { outputs, milliseconds } = await model.run({
    input: manifest.input,
    outputs: ENSEMBLES.map((name) => manifest.ensembles[name]),
    values,
    rows,
    columns: manifest.features.names.length,
  })
  const [squared, robust, absolute, scale] = outputs as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  return {
    outputs: { squared, robust: robust.map((value) => ASINH_SCALE * Math.sinh(value)), absolute, scale },
    milliseconds,
  }
}
