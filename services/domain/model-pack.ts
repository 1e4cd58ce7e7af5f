import { z } from 'zod'
import { BIN_MS } from './bin.ts'
import { FEATURE_SET, featuresHash, unknownFeatures } from './features.ts'
import { MODEL_OUTPUTS } from './forecast.ts'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
const semver = z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a semantic version, like 1.2.3')
const bin = z.iso
  .datetime()
  .refine((text) => Date.parse(text) % BIN_MS === 0, 'must be the start of a 5-minute bin')
/** JSON has no NaN: null stands for it. */
const numberOrNaN = z.number().nullable()

const outputName = z.string().min(1)

/** `models/h{H}/<semver>/manifest.json`: what a pack says of its model. Horizons are minutes, asserted at load. */
export const packManifestSchema = z.object({
  name: z.string().min(1),
  version: semver,
  horizon_min: z.number().int().positive(),
  /** Input columns in order, with the feature set's version and `featuresHash`. */
  features: z.object({ set: z.string(), names: z.array(z.string()).min(1), hash: z.string() }),
  /** Name of the graph's input, float[N, features]. */
  input: z.string().min(1),
  /** Forecast field → name of the graph's output, float[N] or float[N, 1]. */
  outputs: z.object({
    bikes_mean: outputName,
    docks_mean: outputName.optional(),
    bikes_q10: outputName.optional(),
    bikes_q50: outputName.optional(),
    bikes_q90: outputName.optional(),
    p_bike: outputName.optional(),
    p_dock: outputName.optional(),
  }),
  /** SHA-256 of model.onnx beside the manifest. */
  sha256,
  ir_version: z.number().int().positive(),
  opset: z.number().int().positive(),
  /** Inputs whose outputs are known: checked at every load. */
  golden: z.object({
    inputs: z.array(z.array(numberOrNaN)).min(1),
    outputs: z.partialRecord(z.enum(MODEL_OUTPUTS), z.array(numberOrNaN)),
    /** Largest difference that is taken as equal, relative to max(1, |expected|). */
    tolerance: z.number().nonnegative(),
  }),
  /** Git revision that made the pack. */
  created_from: z.string().nullable(),
})
export type PackManifest = z.infer<typeof packManifestSchema>

/** `models/latest.json`: which version is in force from which bin, for all horizons at once. */
export const modelListSchema = z.object({
  versions: z.array(
    z.object({
      version: semver,
      effective_from: bin,
      /** Horizon in minutes → its manifest's path and the SHA-256 of that manifest. */
      horizons: z.record(z.string().regex(/^\d+$/), z.object({ path: z.string().min(1), sha256 })),
    }),
  ),
})
export type ModelList = z.infer<typeof modelListSchema>
export type ModelListVersion = ModelList['versions'][number]

export const MODEL_LIST_PATH = 'models/latest.json'

export function packDirectory({ horizon, version }: { horizon: number; version: string }): string {
  return `models/h${horizon}/${version}`
}

/**
 * Versions that may forecast bin T, the one in force first and those to fall back on after it: by `effective_from`
 * descending, of equals the last listed first. A version that is not yet in force at T is never among them.
 */
export function versionsInForce(list: ModelList, tbin: number): ModelListVersion[] {
  return list.versions
    .map((version, place) => ({ version, place, from: Date.parse(version.effective_from) }))
    .filter(({ from }) => from <= tbin)
    .sort((a, b) => b.from - a.from || b.place - a.place)
    .map(({ version }) => version)
}

/** What is wrong with a manifest, judged without its model; empty when nothing is. */
export function manifestFaults({
  manifest,
  horizon,
  version,
}: {
  manifest: PackManifest
  /** Minutes, as asked for. */
  horizon: number
  version: string
}): string[] {
  const faults: string[] = []
  const { features, golden } = manifest
  if (manifest.horizon_min !== horizon) {
    faults.push(`horizon_min must be ${horizon}, got ${manifest.horizon_min}`)
  }
  if (manifest.version !== version) faults.push(`version must be ${version}, got ${manifest.version}`)
  if (features.set !== FEATURE_SET) faults.push(`features.set must be ${FEATURE_SET}, got ${features.set}`)
  const unknown = unknownFeatures(features.names)
  if (unknown.length > 0) faults.push(`features.names must be known, got ${unknown.join(', ')}`)
  const hash = featuresHash(features.names)
  if (features.hash !== hash) faults.push(`features.hash must be ${hash}, got ${features.hash}`)
  for (const [row, values] of golden.inputs.entries()) {
    if (values.length !== features.names.length) {
      faults.push(`golden.inputs[${row}] must have ${features.names.length} values, got ${values.length}`)
    }
  }
  for (const field of MODEL_OUTPUTS) {
    if (manifest.outputs[field] === undefined) continue
    const length = golden.outputs[field]?.length ?? 0
    if (length !== golden.inputs.length) {
      faults.push(`golden.outputs.${field} must have ${golden.inputs.length} values, got ${length}`)
    }
  }
  return faults
}

/** First difference between the golden outputs and what the model gave; null when all are equal. */
export function goldenFault({
  golden,
  actual,
}: {
  golden: PackManifest['golden']
  actual: Partial<Record<(typeof MODEL_OUTPUTS)[number], Float32Array>>
}): string | null {
  for (const field of MODEL_OUTPUTS) {
    for (const [row, value] of (golden.outputs[field] ?? []).entries()) {
      const expected = value ?? Number.NaN
      const got = actual[field]?.[row]
      if (got !== undefined && near(expected, got, golden.tolerance)) continue
      return `golden.outputs.${field}[${row}] must be ${expected}, got ${got}`
    }
  }
  return null
}

function near(expected: number, got: number, tolerance: number): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(got)
  return Math.abs(expected - got) <= tolerance * Math.max(1, Math.abs(expected))
}
