import { VelocastError } from '../errors.ts'

/**
 * Refuses a path that is not the same object under every adapter: empty, absolute, or with an empty, `.` or `..`
 * segment, a backslash or a control character. `config_invalid`, for no data names a path unchecked.
 */
export function requireObjectPath(path: string): void {
  const segments = path.split('/')
  const sound = segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (sound && !/[\u0000-\u001f\\]/.test(path) && segments[0] !== RESERVED_DIRECTORY) return
  throw new VelocastError({
    code: 'config_invalid',
    message: `object path must be relative, with plain segments parted by slashes, and is ${JSON.stringify(path)}`,
  })
}

/** Holds the local adapter's temporary files and lock; no object lives below it. */
export const RESERVED_DIRECTORY = '.velocast'

/** Byte order, as Google Cloud Storage lists. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** The error of a failed precondition, the same from every adapter. */
export function preconditionFailed(path: string, wanted: string, found: string | null): VelocastError {
  return new VelocastError({
    code: 'store_precondition_failed',
    message: `object ${path} must be ${wanted === 'absent' ? 'absent' : `generation ${wanted}`}, but is ${found === null ? 'absent' : `generation ${found}`}; read it again and decide anew`,
    data: { path, wanted, found },
  })
}

export function objectMissing(path: string): VelocastError {
  return new VelocastError({
    code: 'store_object_missing',
    message: `object is not there: ${path}`,
    data: { path },
  })
}
