import { BIN_MS } from '../domain/bin.ts'
import { type TrainedManifest, trainedManifestSchema } from '../domain/forecasting/trained-manifest.ts'
import { type ModelList, type ModelListVersion, versionsInForce } from '../domain/model-pack.ts'
import { VelocastError } from '../platform/errors.ts'
import {
  trainedModelListPath,
  trainedModelsPrefix,
  trainedPackDirectory,
} from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { openInference } from '../platform/onnx/inference.ts'
import { changeModelList, readModelList } from '../platform/onnx/model-list.ts'
import { loadModelPack } from '../platform/onnx/pack.ts'
import { sha256 } from '../platform/onnx/persistence-pack.ts'
import { compareVersions, nextVersion } from './model-version.ts'

/** What `rollback` goes back to when there is no trained version to go back to. */
export const PERSISTENCE = 'persistence'

/** One horizon of a stored version. */
export interface StoredPack {
  horizon: number
  /** Of the manifest. */
  path: string
  sha256: string
  /** Null when it cannot be read; `fault` says why. */
  manifest: TrainedManifest | null
  fault: string | null
}

export interface StoredVersion {
  version: string
  horizons: StoredPack[]
  /** Bins (ISO) from which it is listed as in force; empty when it was never promoted. */
  effective_from: string[]
}

type Store = Pick<ObjectStore, 'get' | 'put' | 'list'>

/** Every stored version of a system, ascending, and the list of what is in force from when. */
export async function listModels({
  objects,
  system,
}: {
  objects: Pick<ObjectStore, 'get' | 'list'>
  system: string
}): Promise<{ versions: StoredVersion[]; list: ModelList }> {
  const { list } = await readModelList(objects, trainedModelListPath(system))
  const versions = new Map<string, StoredVersion>()
  for (const { path } of await objects.list(trainedModelsPrefix(system))) {
    const found = /\/h(\d+)\/(\d+\.\d+\.\d+)\/manifest\.json$/.exec(path)
    if (found === null) continue
    const version = found[2]!
    const stored = versions.get(version) ?? {
      version,
      horizons: [],
      effective_from: list.versions
        .filter((entry) => entry.version === version)
        .map(({ effective_from }) => effective_from),
    }
    stored.horizons.push(await readStored(objects, path, Number(found[1])))
    stored.horizons.sort((a, b) => a.horizon - b.horizon)
    versions.set(version, stored)
  }
  return { versions: [...versions.values()].sort((a, b) => compareVersions(a.version, b.version)), list }
}

/** One stored version with its manifests and the paths of all its files. Throws `model_not_found`. */
export async function showModel({
  objects,
  system,
  version,
}: {
  objects: Pick<ObjectStore, 'get' | 'list'>
  system: string
  version: string
}): Promise<StoredVersion & { files: string[] }> {
  const { versions } = await listModels({ objects, system })
  const stored = versions.find((candidate) => candidate.version === version)
  if (stored === undefined) throw notFound(system, version)
  const files: string[] = []
  for (const { horizon } of stored.horizons) {
    const directory = trainedPackDirectory({ system, horizon, version })
    for (const { path } of await objects.list(`${directory}/`)) files.push(path)
  }
  return { ...stored, files }
}

/** The version that the next pack of a system must carry: see `nextVersion`. `features`: horizon → features hash. */
export async function versionToPublish({
  objects,
  system,
  features,
}: {
  objects: Pick<ObjectStore, 'get' | 'list'>
  system: string
  features: ReadonlyMap<number, string>
}): Promise<string> {
  const last = (await listModels({ objects, system })).versions.at(-1)
  const manifests = last?.horizons.flatMap(({ manifest }) => (manifest === null ? [] : [manifest])) ?? []
  if (last !== undefined && manifests.length === 0) {
    const [major = 0, minor = 0] = last.version.split('.').map(Number)
    return `${major}.${minor + 1}.0`
  }
  return nextVersion({ previous: manifests, next: features })
}

/**
 * Puts a stored version in force from the bin `effectiveFrom` on, all its horizons in one step. Every pack is first
 * loaded and proved as the forecast service does it; `model_pack_invalid` leaves the list as it was. The list is switched
 * by generation: two at once both stand, in their order. Bins that are already forecast keep their version, so choose a
 * bin ahead of the system's watermark; one before the newest listed, or before the end of what the version was trained on,
 * is `request_invalid`. Doing it twice changes nothing.
 */
export async function promoteModel({
  objects,
  system,
  version,
  effectiveFrom,
}: {
  objects: Store
  system: string
  version: string
  /** Epoch ms, start of a bin. */
  effectiveFrom: number
}): Promise<ModelList> {
  const stored = await showModel({ objects, system, version })
  for (const { manifest } of stored.horizons) {
    if (manifest === null || effectiveFrom >= Date.parse(manifest.trained.cut_off)) continue
    throw new VelocastError({
      code: 'request_invalid',
      message: `effective_from must not be before ${manifest.trained.cut_off}, up to which ${version} knows what came, got ${new Date(effectiveFrom).toISOString()}`,
    })
  }
  const entry: ModelListVersion = {
    version,
    effective_from: new Date(effectiveFrom).toISOString(),
    horizons: Object.fromEntries(
      stored.horizons.map(({ horizon, path, sha256: digest }) => [horizon, { path, sha256: digest }]),
    ),
  }
  return putInForce({ objects, system, entry })
}

/**
 * Puts the version before the one in force at `effectiveFrom` (or `to`: a stored version, or PERSISTENCE) in force again
 * from that bin on. Without a trained version before it, persistence is. What was forecast before stays as it was.
 * Throws as `promoteModel` does, `model_not_found` when there is nothing to go back to.
 */
export async function rollbackModel({
  objects,
  system,
  effectiveFrom,
  to,
}: {
  objects: Store
  system: string
  effectiveFrom: number
  to?: string
}): Promise<ModelList> {
  const { list } = await readModelList(objects, trainedModelListPath(system))
  const [current, ...before] = versionsInForce(list, effectiveFrom)
  const target = to ?? before.find(({ version }) => version !== current?.version)?.version ?? PERSISTENCE
  const known = list.versions.findLast(({ version }) => version === target)
  if (target !== PERSISTENCE && known === undefined) {
    return promoteModel({ objects, system, version: target, effectiveFrom })
  }
  const { horizons, version } = known ?? (await persistenceEntry(objects, effectiveFrom))
  const entry = { version, effective_from: new Date(effectiveFrom).toISOString(), horizons }
  return putInForce({ objects, system, entry })
}

async function putInForce({
  objects,
  system,
  entry,
}: {
  objects: Store
  system: string
  entry: ModelListVersion
}): Promise<ModelList> {
  if (Date.parse(entry.effective_from) % BIN_MS !== 0) {
    const message = `effective_from must be the start of a 5-minute bin, got ${entry.effective_from}`
    throw new VelocastError({ code: 'request_invalid', message })
  }
  await prove({ objects, system, entry })
  return changeModelList({
    objects,
    path: trainedModelListPath(system),
    change(list) {
      const newest = versionsInForce(list, Number.POSITIVE_INFINITY)[0]
      if (newest === undefined) return { versions: [entry] }
      if (JSON.stringify(newest) === JSON.stringify(entry)) return null
      if (Date.parse(newest.effective_from) > Date.parse(entry.effective_from)) {
        throw new VelocastError({
          code: 'request_invalid',
          message: `effective_from must not be before ${newest.effective_from}, from which ${newest.version} is in force, got ${entry.effective_from}`,
        })
      }
      return { versions: [...list.versions, entry] }
    },
  })
}

async function prove({
  objects,
  system,
  entry,
}: {
  objects: Store
  system: string
  entry: ModelListVersion
}): Promise<void> {
  const inference = openInference()
  try {
    for (const horizon of Object.keys(entry.horizons).map(Number)) {
      const pack = await loadModelPack({ objects, inference, system, horizon, version: entry })
      await pack.release()
    }
  } finally {
    await inference.close()
  }
}

async function persistenceEntry(objects: Store, tbin: number): Promise<ModelListVersion> {
  const { list } = await readModelList(objects)
  const [newest, ...before] = versionsInForce(list, tbin)
  if (newest === undefined) {
    const message = 'persistence is not installed, start the forecast service once: models/latest.json'
    throw new VelocastError({ code: 'model_not_found', message })
  }
  // Horizons that were added later stand in an entry of their own.
  const same = before.filter(({ version }) => version === newest.version)
  return { ...newest, horizons: Object.assign({}, ...same.map(({ horizons }) => horizons), newest.horizons) }
}

async function readStored(
  objects: Pick<ObjectStore, 'get'>,
  path: string,
  horizon: number,
): Promise<StoredPack> {
  const object = await objects.get(path)
  const bytes = object?.bytes ?? Buffer.alloc(0)
  const read = trainedManifestSchema.safeParse(jsonOf(bytes))
  const [issue] = read.error?.issues ?? []
  return {
    horizon,
    path,
    sha256: sha256(bytes),
    manifest: read.success ? read.data : null,
    fault: issue === undefined ? null : `${issue.path.join('.')}: ${issue.message}`,
  }
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return null
  }
}

function notFound(system: string, version: string): VelocastError {
  return new VelocastError({
    code: 'model_not_found',
    message: `${system} has no such version below ${trainedModelsPrefix(system)}, got ${version}`,
  })
}
