import { statSync } from 'node:fs'

/**
 * A file that is held open by its name: gives a check that is false once another file has the name, or none. What is
 * written to an open file that was removed is lost without an error. Another file differs in inode and time of
 * creation: file systems in user space may number one and the same file anew.
 */
export function holdFile(file: string): () => boolean {
  const { ino, birthtimeMs } = statSync(file)
  return () => {
    const now = statSync(file, { throwIfNoEntry: false })
    return now !== undefined && (now.ino === ino || now.birthtimeMs === birthtimeMs)
  }
}
