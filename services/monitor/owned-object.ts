import { hasCode, VelocastError } from '../platform/errors.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'

/**
 * Writes an object that only the partition's owner may write: over `generation` (null: where nothing is). Gives the
 * new generation. When another version is there, but with these very bytes, the write had come through and only
 * its answer was lost. Any other version is another owner's: `log_stale_epoch`, retryable, since a new epoch brings it right.
 */
export async function putOwned({
  objects,
  path,
  bytes,
  generation,
}: {
  objects: ObjectStore
  path: string
  bytes: Buffer
  generation: string | null
}): Promise<string> {
  try {
    const options = { ifGeneration: generation ?? 'absent', contentType: 'application/json' }
    return (await objects.put(path, bytes, options)).generation
  } catch (error) {
    if (!hasCode(error, 'store_precondition_failed')) throw error
    const found = await objects.get(path)
    if (found?.bytes.equals(bytes)) return found.generation
    throw new VelocastError({
      code: 'log_stale_epoch',
      message: `monitor state was written by another owner, waiting for a new assignment: ${path}`,
      retryable: true,
      cause: error,
    })
  }
}
