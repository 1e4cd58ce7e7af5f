import { hasCode } from '../errors.ts'
import type { ObjectStore } from '../object-store/port.ts'
import { changeModelList } from './model-list.ts'
import { buildPersistencePack } from './persistence-pack.ts'

/**
 * Makes sure that every horizon has a model: installs the persistence pack where `models/latest.json` is absent, or adds
 * the horizons that no version there has. Changes nothing else; several processes may do it at once.
 */
export async function installPersistencePack({
  objects,
  horizons,
}: {
  objects: Pick<ObjectStore, 'get' | 'put'>
  horizons: readonly number[]
}): Promise<void> {
  await changeModelList({
    objects,
    async change(list) {
      const without = horizons.filter(
        (horizon) => !list.versions.some((version) => horizon in version.horizons),
      )
      if (without.length === 0) return null
      const { version, files } = buildPersistencePack(without)
      for (const { path, bytes } of files) await putOnce(objects, path, bytes)
      return { versions: [version, ...list.versions] }
    },
  })
}

async function putOnce(objects: Pick<ObjectStore, 'put'>, path: string, bytes: Buffer): Promise<void> {
  try {
    await objects.put(path, bytes, { ifGeneration: 'absent' })
  } catch (error) {
    if (!hasCode(error, 'store_precondition_failed')) throw error
  }
}
