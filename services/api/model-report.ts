import { z } from 'zod'
import { type ModelListVersion, versionsInForce } from '../domain/model-pack.ts'
import { trainedModelListPath } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { readDocument } from '../platform/object-store/read-document.ts'
import { readModelList } from '../platform/onnx/model-list.ts'
import { type FirstMinutesRecord, readFirstMinutes } from '../platform/run-ledger/first-minutes.ts'

/** MAE of the rounded median and of persistence on the same rows, bikes. */
export interface SkillFigures {
  n: number
  mae_model: number | null
  mae_persistence: number | null
}

/** A system's newest model against persistence, and what it was trained on. Times are epoch ms. */
export interface ModelReport {
  system: string
  /** The newest promoted version, in force from `effective_from` on; null where no model was ever promoted. */
  version: string | null
  effective_from: number | null
  /** Span of its training data, and its stations; null where the pack cannot be read. */
  trained: { from_utc: number; until_utc: number; stations: number; rows: number } | null
  horizons: {
    horizon_min: number
    /** On the gate's hold-out, before it served; null where unknown. */
    gate: SkillFigures | null
    /** Of the forecasts of record that it served; null while none could be scored. */
    served: SkillFigures | null
  }[]
  /** How a simulated city learned its first model; null for a system that is not simulated. */
  first_minutes: FirstMinutesRecord | null
}

const figure = z.number().nullable()
const manifestPart = z.object({
  stations: z.number(),
  trained: z.object({ from: z.iso.datetime(), until: z.iso.datetime(), rows: z.number() }),
  metrics: z.object({ gate: z.object({ rows: z.number(), mae_model: figure, mae_persistence: figure }) }),
})
type ManifestPart = z.infer<typeof manifestPart>
const performance = z.object({
  rows: z.array(
    z.object({
      horizon_min: z.number(),
      model_version: z.string(),
      n: z.number(),
      mae_model: figure,
      mae_persistence: figure,
    }),
  ),
})

/** Reads the model list, a manifest a horizon and one artefact. What is absent or cannot be read is null. */
export async function readModelReport(
  objects: Pick<ObjectStore, 'get'>,
  system: string,
): Promise<ModelReport> {
  const { list } = await readModelList(objects, trainedModelListPath(system))
  const newest = versionsInForce(list, Number.POSITIVE_INFINITY)[0] ?? null
  const [manifests, served, first_minutes] = await Promise.all([
    readManifests(objects, newest),
    readDocument(objects, `${system}/monitoring/data/performance/latest/by_model.json`, performance),
    readFirstMinutes(objects, system),
  ])
  const trained = [...manifests.values()].find((manifest) => manifest !== null) ?? null
  return {
    system,
    version: newest?.version ?? null,
    effective_from: newest === null ? null : Date.parse(newest.effective_from),
    trained: trained === null ? null : trainedOn(trained),
    horizons: [...manifests].map(([horizon, manifest]) => ({
      horizon_min: horizon,
      gate: manifest === null ? null : gateFigures(manifest),
      served: servedFigures(served, { horizon, version: newest?.version ?? '' }),
    })),
    first_minutes,
  }
}

async function readManifests(
  objects: Pick<ObjectStore, 'get'>,
  version: ModelListVersion | null,
): Promise<Map<number, ManifestPart | null>> {
  const paths = Object.entries(version?.horizons ?? {})
  return new Map(
    await Promise.all(
      paths.map(
        async ([horizon, { path }]) =>
          [Number(horizon), await readDocument(objects, path, manifestPart)] as const,
      ),
    ),
  )
}

function trainedOn({ stations, trained }: ManifestPart): ModelReport['trained'] {
  const { from, until, rows } = trained
  return { from_utc: Date.parse(from), until_utc: Date.parse(until), stations, rows }
}

function gateFigures({ metrics: { gate } }: ManifestPart): SkillFigures {
  const { rows, mae_model, mae_persistence } = gate
  return { n: rows, mae_model, mae_persistence }
}

/** Forecasts carry `trees@<version>`. */
function servedFigures(
  served: z.infer<typeof performance> | null,
  { horizon, version }: { horizon: number; version: string },
): SkillFigures | null {
  const row = served?.rows.find(
    ({ horizon_min, model_version }) =>
      horizon_min === horizon && model_version.split('@').at(-1) === version,
  )
  if (row === undefined || row.n === 0) return null
  const { n, mae_model, mae_persistence } = row
  return { n, mae_model, mae_persistence }
}
