import { MODEL_LIST_PATH, type ModelList, modelListSchema } from '../../domain/model-pack.ts'
import { hasCode, VelocastError } from '../errors.ts'
import type { ObjectStore } from '../object-store/port.ts'
import { buildPersistencePack } from './persistence-pack.ts'

const ATTEMPTS = 5

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
  for (let attempt = 1; ; attempt += 1) {
    const { list, generation } = await readModelList(objects)
    const without = horizons.filter(
      (horizon) => !list.versions.some((version) => horizon in version.horizons),
    )
    if (without.length === 0) return
    const { version, files } = buildPersistencePack(without)
    for (const { path, bytes } of files) await putOnce(objects, path, bytes)
    const bytes = Buffer.from(`${JSON.stringify({ versions: [version, ...list.versions] }, null, 2)}\n`)
    try {
      await objects.put(MODEL_LIST_PATH, bytes, {
        ifGeneration: generation ?? 'absent',
        contentType: 'application/json',
      })
      return
    } catch (error) {
      if (!hasCode(error, 'store_precondition_failed') || attempt === ATTEMPTS) throw error
    }
  }
}

/** The list and its generation; an empty list and null where there is none. Throws `model_pack_invalid`. */
export async function readModelList(
  objects: Pick<ObjectStore, 'get'>,
): Promise<{ list: ModelList; generation: string | null }> {
  const object = await objects.get(MODEL_LIST_PATH)
  if (object === null) return { list: { versions: [] }, generation: null }
  let json: unknown
  try {
    json = JSON.parse(object.bytes.toString('utf8'))
  } catch (cause) {
    throw invalidList('not JSON', cause)
  }
  const parsed = modelListSchema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw invalidList(`${issue?.path.join('.')} ${issue?.message}`, parsed.error)
  }
  return { list: parsed.data, generation: object.generation }
}

function invalidList(fault: string, cause: unknown): VelocastError {
  return new VelocastError({
    code: 'model_pack_invalid',
    message: `model list ${MODEL_LIST_PATH} is refused, publish a corrected one: ${fault}`,
    cause,
  })
}

async function putOnce(objects: Pick<ObjectStore, 'put'>, path: string, bytes: Buffer): Promise<void> {
  try {
    await objects.put(path, bytes, { ifGeneration: 'absent' })
  } catch (error) {
    if (!hasCode(error, 'store_precondition_failed')) throw error
  }
}
