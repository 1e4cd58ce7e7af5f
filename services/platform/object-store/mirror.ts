import type { ObjectInfo, ObjectStore, PutOptions } from './port.ts'

export interface MirrorOptions {
  /** Decides: every read, precondition and error is its own. */
  primary: ObjectStore
  /** Gets a copy of every write. */
  secondary: ObjectStore
  /** Told of each copy that failed; it is tried again with the next write, or by `reconcile`. */
  onLag?: (lag: { path: string; pending: number; error: unknown }) => void
}

export interface MirrorStore extends ObjectStore {
  /** Copies what the second store lacks or has in another size. What only the second has is left alone. */
  reconcile(): Promise<{ copied: number }>
  /** Paths whose copies failed and were not yet made good. */
  pending(): string[]
}

/**
 * One store with a copy in a second. A write is done when the first has it and the second was tried: a second store
 * that is down never stops the first, it lags, is reported, and catches up. Each path is copied from the first as it
 * is then, one copy at a time, so that the second ends with the first's newest content whatever the order of writes.
 * Memory: the lagging paths, and one object at a time for copies.
 */
export function mirrorStore({ primary, secondary, onLag }: MirrorOptions): MirrorStore {
  const lagging = new Set<string>()
  let copies: Promise<void> = Promise.resolve()

  async function copy(path: string): Promise<void> {
    const object = await primary.get(path)
    if (object !== null) {
      await secondary.put(path, object.bytes)
      return
    }
    const [leftover] = (await secondary.list(path)).filter((info) => info.path === path)
    if (leftover !== undefined) await secondary.delete(path, leftover.generation)
  }

  function follow(path: string): Promise<void> {
    lagging.add(path)
    copies = copies.then(async () => {
      for (const pending of [...lagging]) {
        try {
          await copy(pending)
          lagging.delete(pending)
        } catch (error) {
          onLag?.({ path: pending, pending: lagging.size, error })
          return
        }
      }
    })
    return copies
  }

  async function written(write: Promise<ObjectInfo>, path: string): Promise<ObjectInfo> {
    const info = await write
    await follow(path)
    return info
  }

  return {
    get: (path) => primary.get(path),
    list: (prefix) => primary.list(prefix),
    download: (path, file) => primary.download(path, file),
    put: (path, bytes, options?: PutOptions) => written(primary.put(path, bytes, options), path),
    upload: (file, path, options?: PutOptions) => written(primary.upload(file, path, options), path),
    async delete(path, generation) {
      await primary.delete(path, generation)
      await follow(path)
    },
    async reconcile() {
      await copies
      const wanted = new Map((await primary.list('')).map((info) => [info.path, info.size]))
      const existing = new Map((await secondary.list('')).map((info) => [info.path, info.size]))
      const stale = [...wanted].filter(([path, size]) => existing.get(path) !== size || lagging.has(path))
      for (const [path] of stale) {
        await copy(path)
        lagging.delete(path)
      }
      return { copied: stale.length }
    },
    pending: () => [...lagging],
  }
}
