import { VelocastError } from '../../../services/platform/errors.ts'
import type { ObjectInfo, ObjectStore } from '../../../services/platform/object-store/port.ts'

/** Objects in a map, with generations and preconditions as the port says; `failures` are thrown by the next calls. */
export function openObjectMap(): ObjectStore & { writes: string[]; failures: Error[] } {
  const objects = new Map<string, { bytes: Buffer; generation: string }>()
  const writes: string[] = []
  const failures: Error[] = []
  let generation = 0
  const fail = (): void => {
    const failure = failures.shift()
    if (failure !== undefined) throw failure
  }
  const info = (path: string): ObjectInfo => {
    const { bytes, generation: found } = objects.get(path)!
    return { path, size: bytes.length, generation: found }
  }
  return {
    writes,
    failures,
    async get(path) {
      fail()
      const object = objects.get(path)
      return object === undefined ? null : { ...info(path), bytes: object.bytes }
    },
    async put(path, bytes, { ifGeneration } = {}) {
      fail()
      const found = objects.get(path)?.generation ?? 'absent'
      if (ifGeneration !== undefined && ifGeneration !== found) {
        throw new VelocastError({ code: 'store_precondition_failed', message: `object changed, ${path}` })
      }
      generation += 1
      objects.set(path, { bytes: Buffer.from(bytes), generation: String(generation) })
      writes.push(path)
      return info(path)
    },
    async list(prefix) {
      return [...objects.keys()]
        .filter((path) => path.startsWith(prefix))
        .sort()
        .map(info)
    },
    async delete(path) {
      objects.delete(path)
    },
    download: () => Promise.reject(new Error('not used by these laws')),
    upload: () => Promise.reject(new Error('not used by these laws')),
  }
}
