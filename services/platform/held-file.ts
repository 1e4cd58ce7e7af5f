import { statSync } from 'node:fs'

/**
 * A file that is held open by its name: gives a check that is false once another file has the name, or none. What is
 * written to an open file that was removed is lost without an error.
 */
export function holdFile(file: string): () => boolean {
  const { dev, ino } = statSync(file)
  return () => {
    const now = statSync(file, { throwIfNoEntry: false })
    return now?.dev === dev && now.ino === ino
  }
}
