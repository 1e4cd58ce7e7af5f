import type { ModelListVersion } from '../domain/model-pack.ts'
import { hasCode, VelocastError } from '../platform/errors.ts'
import { trainedPackDirectory } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { sha256 } from '../platform/onnx/persistence-pack.ts'
import type { TrainedPack } from './pack.ts'

/**
 * Writes the packs of one version to `<system>/models/h{H}/<version>/`, each manifest last, so that a directory with a
 * manifest is whole. Nothing is in force by that: `promote` does it. Publishing the same packs again changes nothing;
 * other content under a version that is there is `request_invalid`: packs never change.
 */
export async function publishPacks({
  objects,
  packs,
}: {
  objects: Pick<ObjectStore, 'get' | 'put'>
  packs: readonly TrainedPack[]
}): Promise<ModelListVersion['horizons']> {
  const horizons: ModelListVersion['horizons'] = {}
  for (const { manifest, files } of packs) {
    const { system, version, horizon_min: horizon } = manifest
    const directory = trainedPackDirectory({ system, horizon, version })
    for (const { name, bytes } of files) await putOnce(objects, `${directory}/${name}`, bytes)
    const { bytes } = files.at(-1)!
    horizons[horizon] = { path: `${directory}/manifest.json`, sha256: sha256(bytes) }
  }
  return horizons
}

async function putOnce(
  objects: Pick<ObjectStore, 'get' | 'put'>,
  path: string,
  bytes: Buffer,
): Promise<void> {
  try {
    await objects.put(path, bytes, { ifGeneration: 'absent' })
  } catch (error) {
    if (!hasCode(error, 'store_precondition_failed')) throw error
    const there = await objects.get(path)
    if (there?.bytes.equals(bytes)) return
    throw new VelocastError({
      code: 'request_invalid',
      message: `packs never change, publish a new version: ${path} is there with other content`,
    })
  }
}
