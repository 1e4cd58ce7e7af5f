import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const lockPollMs = 200
const unwrittenLockMs = 10_000

/** Where fetched programs live, outside of the checkout: `$XDG_CACHE_HOME/velocast-test`, else below `~/.cache`. */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'velocast-test')
}

/**
 * Resolves to the cached directory `name`, which must carry the version of what is in it.
 * When it is absent, `build` fills an empty directory that is renamed into place once `build` has resolved,
 * so the directory is there complete or not at all. Two processes that need the same name build it once.
 */
export async function cached(name: string, build: (directory: string) => Promise<void>): Promise<string> {
  const target = join(cacheDirectory(), name)
  if (await exists(target)) return target
  return withLock(name, async () => {
    if (await exists(target)) return target
    const partial = `${target}.${process.pid}.partial`
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true })
    try {
      await build(partial)
      await rename(partial, target)
    } catch (error) {
      await rm(partial, { recursive: true, force: true })
      if (!(await exists(target))) throw error
    }
    return target
  })
}

/**
 * Runs `work` while no other process of this user runs work under the same lock name.
 * A lock whose owner is dead is taken over.
 */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  await mkdir(cacheDirectory(), { recursive: true })
  const path = join(cacheDirectory(), `${name}.lock`)
  while (!(await acquire(path))) {
    if (await isStale(path)) await rm(path, { force: true })
    else await sleep(lockPollMs)
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function acquire(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    await file.writeFile(String(process.pid))
    await file.close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isStale(path: string): Promise<boolean> {
  const file = await stat(path).catch(() => undefined)
  if (!file) return false
  const owner = Number(await readFile(path, 'utf8').catch(() => ''))
  if (owner === 0) return Date.now() - file.mtimeMs > unwrittenLockMs
  try {
    process.kill(owner, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
