import { z } from 'zod'
import { versionsInForce } from '../domain/model-pack.ts'
import { trainedModelListPath } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { readDocument } from '../platform/object-store/read-document.ts'
import { readModelList } from '../platform/onnx/model-list.ts'
import { listModels } from './model-catalogue.ts'
import { TRAIN_JOB } from './run-record.ts'
import type { TriggerInput } from './trigger.ts'

type Store = Pick<ObjectStore, 'get' | 'list'>

const driftSummary = z.object({
  window: z.object({ end_utc: z.iso.datetime() }),
  psi_global: z.number().nullable(),
})
const driftBounds = z.object({ ref_matched: z.number() })
const performanceByModel = z.object({
  rows: z.array(
    z.object({
      horizon_min: z.number(),
      model_version: z.string(),
      n: z.number(),
      lift: z.number().nullable(),
    }),
  ),
})

/** What a system's artefacts, packs and run records say; whatever is absent or unreadable says nothing. */
export async function readSigns(
  objects: Store,
  system: string,
): Promise<Pick<TriggerInput, 'drift' | 'skill' | 'serving' | 'lastRun'>> {
  const current = await readServing(objects, system)
  return {
    drift: await readDrift(objects, system),
    skill: current === null ? [] : await readSkill(objects, { system, version: current.version }),
    serving: current,
    lastRun: await readLastRun(objects, system),
  }
}

async function readDrift(objects: Store, system: string): Promise<TriggerInput['drift']> {
  const path = `${system}/monitoring/data/drift/latest`
  const summary = await readDocument(objects, `${path}/summary.json`, driftSummary)
  const bounds = await readDocument(objects, `${path}/bounds.json`, driftBounds)
  if (summary === null || bounds === null) return null
  const { window, psi_global } = summary
  return { windowEnd: Date.parse(window.end_utc), psi: psi_global, matched: bounds.ref_matched }
}

/** Of the forecasts that the serving version made; another's say nothing of it. Forecasts carry `trees@<version>`. */
async function readSkill(
  objects: Store,
  { system, version }: { system: string; version: string },
): Promise<TriggerInput['skill']> {
  const path = `${system}/monitoring/data/performance/latest/by_model.json`
  const found = await readDocument(objects, path, performanceByModel)
  return (found?.rows ?? [])
    .filter(({ model_version }) => model_version.split('@').at(-1) === version)
    .map(({ horizon_min, n, lift }) => ({ horizon: horizon_min, n, lift }))
}

type Serving = NonNullable<TriggerInput['serving']> & { version: string }

async function readServing(objects: Store, system: string): Promise<Serving | null> {
  const { list } = await readModelList(objects, trainedModelListPath(system))
  const current = versionsInForce(list, Number.POSITIVE_INFINITY)[0]
  if (current === undefined) return null
  const { versions } = await listModels({ objects, system })
  const stored = versions.find(({ version }) => version === current.version)
  const lifts = new Map<number, number>()
  let cutOff = 0
  for (const { horizon, manifest } of stored?.horizons ?? []) {
    if (manifest === null) continue
    cutOff = Math.max(cutOff, Date.parse(manifest.trained.cut_off))
    const lift = (manifest.metrics.gate as { lift?: unknown } | null | undefined)?.lift
    if (typeof lift === 'number') lifts.set(horizon, lift)
  }
  return cutOff === 0 ? null : { version: current.version, cutOff, lifts }
}

/** Run ids begin with the time at which they were asked for. */
async function readLastRun(objects: Store, system: string): Promise<number | null> {
  const prefix = `${system}/runs/${TRAIN_JOB}/`
  const id = (await objects.list(prefix)).at(-1)?.path.slice(prefix.length)
  const found = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z/.exec(id ?? '')
  if (found === null) return null
  const [, year, month, day, hour, minute, second] = found
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}
