import { randomBytes } from 'node:crypto'
import { constants, createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { makeDirectory } from '../directory.ts'
import { VelocastError } from '../errors.ts'
import { type Commit, LocalCommits } from './local-commits.ts'
import { generationOf, isMissing, localError } from './local-file.ts'
import { compareBytes, objectMissing, RESERVED_DIRECTORY, requireObjectPath } from './path.ts'
import type { ObjectInfo, ObjectStore, PutOptions, StoredObject } from './port.ts'

/** A temporary file older than this belongs to a writer that died: no upload takes a day. */
const ABANDONED_MS = 86_400_000
/** Objects up to this size are downloaded in one piece. */
const WHOLE_BYTES = 1_048_576n

/**
 * Objects as files below a directory, for any number of processes of one machine. Names are the objects' paths.
 *
 * A write: (1) a temporary file on the same file system is written, (2) synced, (3) renamed onto the object under
 * the store's lock, where the precondition is checked, (4) the directory is synced; then it is durable. A reader
 * sees a whole object or none, a killed writer leaves a temporary file at most, removed a day later.
 *
 * The generation is the file's modification time, inode and size; its sub-second part is random, so two writes
 * never share one. Throws `store_full` when the disk or quota is, `store_credentials` when the directory may not
 * be used, `store_bucket_missing` when the root is no directory, or was removed while the store was open.
 * Not for network file systems without POSIX locks.
 */
export async function openLocalStore({ root }: { root: string }): Promise<ObjectStore> {
  const base = resolve(root)
  const temporary = join(base, RESERVED_DIRECTORY, 'temporary')
  let commits: LocalCommits
  try {
    makeDirectory(temporary)
    await removeAbandoned(temporary)
    commits = new LocalCommits(join(base, RESERVED_DIRECTORY, 'lock.sqlite'))
  } catch (error) {
    throw localError({ error, path: '', root: base })
  }
  const fileOf = (path: string): string => {
    requireObjectPath(path)
    return join(base, path)
  }
  const guarded = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw localError({ error, path, root: base })
    }
  }

  async function write(
    path: string,
    options: PutOptions,
    fill: (draft: FileHandle) => Promise<void>,
  ): Promise<ObjectInfo> {
    const target = fileOf(path)
    const draft = join(temporary, `${process.pid}-${randomBytes(8).toString('hex')}`)
    return guarded(path, async () => {
      let renamed = false
      try {
        const file = await create(draft)
        try {
          await fill(file)
          const second = Math.floor(Date.now() / 1000)
          await file.utimes(second, second + randomBytes(4).readUInt32LE() / 2 ** 32)
          await file.sync()
        } finally {
          await file.close()
        }
        const commit: Commit = { path, target, ifGeneration: options.ifGeneration }
        const { size, generation, newDirectory } = commits.publish(draft, commit)
        renamed = options.ifGeneration !== 'absent'
        await syncDirectories(
          dirname(target),
          newDirectory === undefined ? dirname(target) : dirname(newDirectory),
        )
        return { path, size, generation }
      } finally {
        if (!renamed) await rm(draft, { force: true })
      }
    })
  }

  /** The directory is made anew when somebody removed it, but not the store. */
  async function create(draft: string): Promise<FileHandle> {
    return open(draft, 'wx').catch(async (error: unknown) => {
      if (!isMissing(error)) throw error
      commits.requireRoot()
      makeDirectory(temporary)
      return open(draft, 'wx')
    })
  }

  return {
    get: (path) =>
      guarded(path, async (): Promise<StoredObject | null> => {
        const file = await open(fileOf(path), constants.O_RDONLY).catch(nullWhenMissing)
        if (file === null) return null
        try {
          const status = await file.stat({ bigint: true })
          if (!status.isFile()) return null
          const bytes = await file.readFile()
          return { path, size: bytes.length, generation: generationOf(status), bytes }
        } finally {
          await file.close()
        }
      }),
    put: (path, bytes, options = {}) => write(path, options, (draft) => draft.writeFile(bytes)),
    list: (prefix) =>
      guarded(prefix, async () => {
        const found: ObjectInfo[] = []
        await walk({ base, directory: join(base, directoryOf(prefix)), prefix, found })
        return found.sort((a, b) => compareBytes(a.path, b.path))
      }),
    delete: (path, generation) =>
      guarded(path, async () => {
        const target = fileOf(path)
        if (commits.remove({ path, target, ifGeneration: generation }, base)) {
          await syncDirectories(dirname(target), dirname(target)).catch(nullWhenMissing)
        }
      }),
    download: (path, file) =>
      guarded(path, async () => {
        const source = await open(fileOf(path), constants.O_RDONLY).catch(nullWhenMissing)
        if (source === null) throw objectMissing(path)
        try {
          const status = await source.stat({ bigint: true })
          // Most objects are parts of some kilobytes: in two calls instead of a pair of streams.
          if (status.size <= WHOLE_BYTES) await writeFile(file, await source.readFile())
          else await pipeline(createReadStream('', { fd: source, autoClose: false }), createWriteStream(file))
          return { path, size: Number(status.size), generation: generationOf(status) }
        } finally {
          await source.close()
        }
      }),
    upload: (file, path, options = {}) =>
      write(path, options, (draft) => draft.writeFile(createReadStream(file))),
  }
}

function nullWhenMissing(error: unknown): null {
  if (isMissing(error)) return null
  throw error
}

function directoryOf(prefix: string): string {
  const directory = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  if (directory.split('/').includes('..')) {
    throw new VelocastError({ code: 'config_invalid', message: `object prefix must not climb: ${prefix}` })
  }
  return directory
}

async function walk(options: {
  base: string
  directory: string
  prefix: string
  found: ObjectInfo[]
}): Promise<void> {
  const { base, directory, prefix, found } = options
  const entries = (await readdir(directory, { withFileTypes: true }).catch(nullWhenMissing)) ?? []
  for (const entry of entries) {
    const file = join(directory, entry.name)
    const path = relative(base, file).split(sep).join('/')
    if (path === RESERVED_DIRECTORY) continue
    if (entry.isDirectory()) {
      if (`${path}/`.startsWith(prefix) || prefix.startsWith(`${path}/`))
        await walk({ ...options, directory: file })
    } else if (entry.isFile() && path.startsWith(prefix)) {
      const status = await stat(file, { bigint: true }).catch(nullWhenMissing)
      if (status !== null) found.push({ path, size: Number(status.size), generation: generationOf(status) })
    }
  }
}

/** Syncs `from` and its parents up to `last`, so that new names in them outlive a power cut. */
async function syncDirectories(from: string, last: string): Promise<void> {
  for (let directory = from; ; directory = dirname(directory)) {
    const handle = await open(directory, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (directory === last || directory === dirname(directory)) return
  }
}

async function removeAbandoned(temporary: string): Promise<void> {
  for (const name of await readdir(temporary)) {
    const file = join(temporary, name)
    const status = await stat(file).catch(nullWhenMissing)
    if (status !== null && Date.now() - status.mtimeMs > ABANDONED_MS) await rm(file, { force: true })
  }
}
