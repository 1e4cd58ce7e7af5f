import { MODEL_LIST_PATH, type ModelList, modelListSchema } from '../../domain/model-pack.ts'
import { hasCode, VelocastError } from '../errors.ts'
import type { ObjectStore } from '../object-store/port.ts'

const ATTEMPTS = 8

/** A list and its generation; an empty list and null where there is none. Throws `model_pack_invalid`. */
export async function readModelList(
  objects: Pick<ObjectStore, 'get'>,
  path: string = MODEL_LIST_PATH,
): Promise<{ list: ModelList; generation: string | null }> {
  const object = await objects.get(path)
  if (object === null) return { list: { versions: [] }, generation: null }
  let json: unknown
  try {
    json = JSON.parse(object.bytes.toString('utf8'))
  } catch (cause) {
    throw invalidList(path, 'not JSON', cause)
  }
  const parsed = modelListSchema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw invalidList(path, `${issue?.path.join('.')} ${issue?.message}`, parsed.error)
  }
  return { list: parsed.data, generation: object.generation }
}

/**
 * Changes a list in one step, over the generation that was read: `change` gives the new list, or null to leave it, and
 * is asked again when someone else was faster, so no update is lost. Gives the list as it then is.
 */
export async function changeModelList({
  objects,
  path = MODEL_LIST_PATH,
  change,
}: {
  objects: Pick<ObjectStore, 'get' | 'put'>
  path?: string
  change(list: ModelList): ModelList | null | Promise<ModelList | null>
}): Promise<ModelList> {
  for (let attempt = 1; ; attempt += 1) {
    const { list, generation } = await readModelList(objects, path)
    const changed = await change(list)
    if (changed === null) return list
    try {
      await objects.put(path, Buffer.from(`${JSON.stringify(changed, null, 2)}\n`), {
        ifGeneration: generation ?? 'absent',
        contentType: 'application/json',
      })
      return changed
    } catch (error) {
      if (!hasCode(error, 'store_precondition_failed') || attempt === ATTEMPTS) throw error
    }
  }
}

function invalidList(path: string, fault: string, cause: unknown): VelocastError {
  return new VelocastError({
    code: 'model_pack_invalid',
    message: `model list ${path} is refused, publish a corrected one: ${fault}`,
    cause,
  })
}
