import { linkSync, renameSync, rmdirSync, statSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makeDirectory } from '../directory.ts'
import { VelocastError } from '../errors.ts'
import { holdFile } from '../held-file.ts'
import { generationOf, isMissing } from './local-file.ts'
import { preconditionFailed } from './path.ts'

/** Longest wait for another process's commit, which is two system calls; past it something holds the lock for good. */
const LOCK_WAIT_MS = 10_000

export interface Commit {
  path: string
  /** Absolute name of the object's file. */
  target: string
  ifGeneration?: string | undefined
}

/**
 * The moment of a write at which preconditions are checked and the name changes hands, one at a time on the machine.
 * The lock is SQLite's on an empty file: the operating system frees it when its holder dies, so there is no stale
 * lock to recover, and nothing is ever written to it, so a full disk does not matter. It is held, synchronously, for
 * a stat and a rename.
 */
export class LocalCommits {
  readonly #file: string
  readonly #lock: DatabaseSync
  readonly #isThere: () => boolean

  constructor(lockFile: string) {
    this.#file = lockFile
    this.#lock = new DatabaseSync(lockFile, { timeout: LOCK_WAIT_MS })
    this.#isThere = holdFile(lockFile)
  }

  /** Gives the draft the object's name. `newDirectory` is the topmost directory that had to be made. */
  publish(
    draft: string,
    commit: Commit,
  ): { size: number; generation: string; newDirectory: string | undefined } {
    return this.#exclusively(() => {
      const newDirectory = makeDirectory(dirname(commit.target))
      requireGeneration(commit, generationAt(commit.target))
      if (commit.ifGeneration === 'absent') linkSync(draft, commit.target)
      else renameSync(draft, commit.target)
      const status = statSync(commit.target, { bigint: true })
      return { size: Number(status.size), generation: generationOf(status), newDirectory }
    })
  }

  /** False when there was nothing. Directories that became empty go too, up to `base`. */
  remove(commit: Commit, base: string): boolean {
    return this.#exclusively(() => {
      const found = generationAt(commit.target)
      if (found === null) return false
      requireGeneration(commit, found)
      unlinkSync(commit.target)
      for (let directory = dirname(commit.target); directory !== base; directory = dirname(directory)) {
        try {
          rmdirSync(directory)
        } catch {
          break
        }
      }
      return true
    })
  }

  /**
   * A store that was removed while in use holds nothing any more: what is written on would be half a store, whose
   * ledgers speak of what is gone. Throws `store_bucket_missing`.
   */
  requireRoot(): void {
    if (this.#isThere()) return
    throw new VelocastError({
      code: 'store_bucket_missing',
      message: `store was removed or replaced while it was in use, start again and leave its directory alone: ${dirname(dirname(this.#file))}`,
    })
  }

  #exclusively<T>(work: () => T): T {
    this.requireRoot()
    this.#lock.exec('BEGIN IMMEDIATE')
    try {
      return work()
    } finally {
      this.#lock.exec('ROLLBACK')
    }
  }
}

function generationAt(file: string): string | null {
  try {
    return generationOf(statSync(file, { bigint: true }))
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

function requireGeneration({ path, ifGeneration }: Commit, found: string | null): void {
  if (ifGeneration === undefined) return
  if (ifGeneration === 'absent' ? found === null : found === ifGeneration) return
  throw preconditionFailed(path, ifGeneration, found)
}
