import type { BigIntStats } from 'node:fs'
import { VelocastError } from '../errors.ts'

/** Opaque version of a local object: its file's modification time (ns), inode and size. */
export function generationOf(status: Pick<BigIntStats, 'mtimeNs' | 'ino' | 'size'>): string {
  return `${status.mtimeNs}-${status.ino}-${status.size}`
}

export function isMissing(error: unknown): boolean {
  return errorNumber(error) === 'ENOENT' || errorNumber(error) === 'ENOTDIR'
}

function errorNumber(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code
}

/** A file system's error in the store's codes; errors that have one already pass. */
export function localError({ error, path, root }: { error: unknown; path: string; root: string }): unknown {
  if (error instanceof VelocastError) return error
  const number = errorNumber(error)
  const what = path === '' ? `store ${root}` : `object ${path} of store ${root}`
  const shared = { cause: error, data: { path, root, errno: number } }
  switch (number) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new VelocastError({
        ...shared,
        code: 'store_full',
        retryable: true,
        message: `${what} cannot be written, the disk is full; free space and it goes on by itself: ${number}`,
      })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new VelocastError({
        ...shared,
        code: 'store_credentials',
        message: `${what} may not be read or written by user ${process.getuid?.() ?? 'unknown'}; change its owner or mode: ${number}`,
      })
    case 'ENOTDIR':
    case 'EEXIST':
      return new VelocastError({
        ...shared,
        code: 'store_bucket_missing',
        message: `${what} needs directories where a file is; choose another storage.root: ${number}`,
      })
    case undefined:
      return error
    default:
      return new VelocastError({
        ...shared,
        code: 'store_unreachable',
        retryable: true,
        message: `${what} cannot be reached; check the disk: ${number}`,
      })
  }
}
