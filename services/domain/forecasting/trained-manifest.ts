import { z } from 'zod'
import { BIN_MS } from '../bin.ts'
import { featuresHash } from '../features.ts'
import { ENSEMBLES, type Ensemble } from './calibration.ts'
import { RICH_FEATURE_SET, RICH_FEATURES } from './rich-features.ts'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
const count = z.number().int().nonnegative()
const time = z.iso.datetime()
/** JSON has no NaN: null stands for it. */
const numberOrNaN = z.number().nullable()

function byEnsemble<Schema extends z.ZodType>(schema: Schema) {
  return z.object(Object.fromEntries(ENSEMBLES.map((name) => [name, schema])) as Record<Ensemble, Schema>)
}

/** Objects of a trained pack besides `manifest.json`: they must be there; others may be (a model card, plots). */
export const PACK_FILES = {
  model: 'model.onnx',
  encoders: 'encoders.bin',
  calibration: 'calibration.json',
} as const

const goldenRow = z.object({
  /** Place in the pack's station table. */
  station: count,
  /** Local hour of T. */
  hour: z.number().int().min(0).max(23),
  bikes: numberOrNaN,
  docks: numberOrNaN,
  capacity: numberOrNaN,
  /** The model's input, in the order of `features.names`. */
  features: z.array(numberOrNaN),
  /** What the four ensembles say, in bikes. */
  outputs: byEnsemble(z.number()),
  forecast: z.object({
    mean: z.number(),
    q10: z.number(),
    median: z.number(),
    q90: z.number(),
    p_bike: z.number(),
    p_dock: numberOrNaN,
    docks: numberOrNaN,
  }),
})
export type GoldenRow = z.infer<typeof goldenRow>

/** `<system>/models/h{H}/<semver>/manifest.json` of a trained pack: of one system, for one horizon. */
export const trainedManifestSchema = z.object({
  name: z.string().min(1),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a semantic version, like 1.2.3'),
  system: z.string().min(1),
  horizon_min: z
    .number()
    .int()
    .positive()
    .multipleOf(BIN_MS / 60_000),
  /** Input columns in order, a part of the set, with `featuresHash`. */
  features: z.object({ set: z.string(), names: z.array(z.string()).min(1), hash: z.string() }),
  /** Name of the graph's input, float[N, features]. */
  input: z.string().min(1),
  /** Ensemble → name of the graph's output, float[N], on the scale that the ensemble was trained on. */
  ensembles: byEnsemble(z.string().min(1)),
  /** SHA-256 of model.onnx. */
  sha256,
  /** Every other object beside the manifest. */
  files: z.record(z.string(), z.object({ sha256, bytes: count })),
  ir_version: count,
  opset: count,
  /** Stations of the encoders. */
  stations: count,
  timezone: z.string().min(1),
  /** False where renting and returning only say bikes > 0 and docks > 0, so that in service is installed alone. */
  service_flags: z.boolean(),
  /** Minutes by which an observation may be older than its bin's end. */
  carry_minutes: z.number().int().min(0).max(240),
  trained: z.object({
    from: time,
    until: time,
    /** Nothing after this was known when the model was trained. */
    cut_off: time,
    rows: count,
    out_of_sample_rows: count,
    folds: count,
    rounds: byEnsemble(count),
  }),
  /** Of the gate and whatever else training measured. */
  metrics: z.record(z.string(), z.json()),
  golden: z.array(goldenRow).min(1),
  /** Largest difference of an ensemble's output that is taken as equal, relative to max(1, |expected|). */
  tolerance: z.number().nonnegative(),
  /** Git revision that made the pack. */
  created_from: z.string().nullable(),
})
export type TrainedManifest = z.infer<typeof trainedManifestSchema>

/** What is wrong with a trained manifest, judged without its files; empty when nothing is. */
export function trainedManifestFaults({
  manifest,
  system,
  horizon,
  version,
}: {
  manifest: TrainedManifest
  /** As asked for; horizon in minutes. */
  system: string
  horizon: number
  version: string
}): string[] {
  const faults: string[] = []
  const must = (field: string, expected: unknown, got: unknown): void => {
    if (expected !== got) faults.push(`${field} must be ${expected}, got ${got}`)
  }
  const { features, golden, files } = manifest
  must('system', system, manifest.system)
  must('horizon_min', horizon, manifest.horizon_min)
  must('version', version, manifest.version)
  must('features.set', RICH_FEATURE_SET, features.set)
  const unknown = features.names.filter((name) => !RICH_FEATURES.includes(name))
  if (unknown.length > 0) faults.push(`features.names must be known, got ${unknown.join(', ')}`)
  must('features.hash', featuresHash(features.names, RICH_FEATURE_SET), features.hash)
  for (const name of [PACK_FILES.encoders, PACK_FILES.calibration]) {
    if (files[name] === undefined)
      faults.push(`files must have ${name}, got ${Object.keys(files).join(', ')}`)
  }
  for (const [row, { features: values, station }] of golden.entries()) {
    if (values.length !== features.names.length) {
      faults.push(`golden[${row}].features must have ${features.names.length} values, got ${values.length}`)
    }
    if (station >= manifest.stations) {
      faults.push(`golden[${row}].station must be below ${manifest.stations}, got ${station}`)
    }
  }
  return faults
}
