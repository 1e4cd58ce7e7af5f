import { createHash } from 'node:crypto'
import { hasCode } from '../errors.ts'
import type { ObjectStore } from './port.ts'

/**
 * Writes of JSON objects that only one owner may write. An answer can be lost when the write has come through: what this
 * owner tried to write and had no answer to is remembered, so that it is not taken for another owner's.
 * Memory: a digest for each write without an answer, until the object's next one with.
 */
export class OwnedObjects {
  readonly #objects: ObjectStore
  readonly #unanswered = new Map<string, Set<string>>()

  constructor(objects: ObjectStore) {
    this.#objects = objects
  }

  /**
   * Writes over `generation` (null: where nothing is), or over a write of this owner that had no answer. Gives the new
   * generation. Throws `store_precondition_failed` for any other version: it is another owner's.
   */
  async put(path: string, bytes: Buffer, generation: string | null): Promise<string> {
    const tried = this.#unanswered.get(path) ?? new Set()
    this.#unanswered.set(path, tried.add(digestOf(bytes)))
    const written = await this.#put(path, bytes, generation).catch(async (error) => {
      if (!hasCode(error, 'store_precondition_failed')) throw error
      const found = await this.#objects.get(path)
      if (found?.bytes.equals(bytes)) return found.generation
      if (found !== null && tried.has(digestOf(found.bytes))) return this.#put(path, bytes, found.generation)
      throw error
    })
    this.#unanswered.delete(path)
    return written
  }

  async #put(path: string, bytes: Buffer, generation: string | null): Promise<string> {
    const options = { ifGeneration: generation ?? 'absent', contentType: 'application/json' }
    return (await this.#objects.put(path, bytes, options)).generation
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64')
}
