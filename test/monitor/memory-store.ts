import { readFile, writeFile } from 'node:fs/promises'
import { VelocastError } from '../../services/platform/errors.ts'
import type { ObjectStore, StoredObject } from '../../services/platform/object-store/port.ts'

/** Objects in memory, for tests that write thousands. */
export function memoryStore(): ObjectStore {
  const found = new Map<string, StoredObject>()
  let generations = 0
  const store: ObjectStore = {
    async get(path) {
      return found.get(path) ?? null
    },
    async put(path, bytes, { ifGeneration } = {}) {
      const known = found.get(path)
      const fits = ifGeneration === 'absent' ? known === undefined : known?.generation === ifGeneration
      if (ifGeneration !== undefined && !fits) {
        throw new VelocastError({
          code: 'store_precondition_failed',
          message: `object has another version: ${path}`,
        })
      }
      generations += 1
      const stored = { path, size: bytes.length, generation: String(generations), bytes: Buffer.from(bytes) }
      found.set(path, stored)
      return stored
    },
    async list(prefix) {
      return [...found.values()]
        .filter(({ path }) => path.startsWith(prefix))
        .sort((a, b) => (a.path < b.path ? -1 : 1))
    },
    async delete(path) {
      found.delete(path)
    },
    async download(path, file) {
      const stored = found.get(path)
      if (stored === undefined) {
        throw new VelocastError({ code: 'store_object_missing', message: `object is not there: ${path}` })
      }
      await writeFile(file, stored.bytes)
      return stored
    },
    async upload(file, path, options) {
      return store.put(path, await readFile(file), options)
    },
  }
  return store
}
