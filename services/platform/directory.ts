import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** Another process may make or remove a parent between two steps; a parent that is there and takes no names stays so. */
const TRIES = 3

/**
 * Makes a directory with its parents and gives the topmost that was made; undefined when it was there. Not
 * `mkdirSync` with `recursive`: Node 24's asks for ever where a parent is there and takes no names, as below /proc or
 * in a directory that was removed while a process stood in it. Throws the system's error.
 */
export function makeDirectory(path: string): string | undefined {
  const directory = resolve(path)
  const parent = dirname(directory)
  let topmost: string | undefined
  for (let tries = 1; ; tries += 1) {
    try {
      mkdirSync(directory)
      return topmost ?? directory
    } catch (error) {
      if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return topmost
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (!missing || parent === directory || tries === TRIES) throw error
      topmost = makeDirectory(parent) ?? topmost
    }
  }
}
