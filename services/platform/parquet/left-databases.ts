import { readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = 'velocast-duckdb-'
const NAMED = new RegExp(`^${PREFIX}(\\d+)-`)
/** Resolution of file times, at the coarsest. */
const FILE_TIME_MS = 2_000

/** What a database's directory in the temporary one begins with: it tells whose it is. */
export const DATABASE_PREFIX = `${PREFIX}${process.pid}-`

/**
 * Removes database directories that killed processes left in the temporary directory, and gives their names. One is
 * left when its process is gone, or has this process's id but is older: in a container each has the same id. What
 * cannot be removed, being another user's, is passed over.
 */
export async function removeLeftDatabases({ directory = tmpdir() } = {}): Promise<string[]> {
  const removed: string[] = []
  for (const name of await readdir(directory)) {
    const pid = Number(NAMED.exec(name)?.[1])
    if (Number.isNaN(pid)) continue
    const path = join(directory, name)
    try {
      if (pid === process.pid ? await isOlderThanThis(path) : isGone(pid)) {
        await rm(path, { recursive: true, force: true })
        removed.push(name)
      }
    } catch {}
  }
  return removed
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

async function isOlderThanThis(path: string): Promise<boolean> {
  const started = Date.now() - process.uptime() * 1000
  return (await stat(path)).mtimeMs < started - FILE_TIME_MS
}
