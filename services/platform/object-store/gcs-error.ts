import { VelocastError } from '../errors.ts'

export interface Place {
  bucket: string
  /** `gs://bucket/prefix`. */
  root: string
}

function statusOf(error: unknown): number | string | undefined {
  return (error as { code?: number | string } | null)?.code
}

export function isAbsent(error: unknown): boolean {
  return Number(statusOf(error)) === 404
}

export function isPreconditionFailure(error: unknown): boolean {
  return Number(statusOf(error)) === 412
}

/** An error of Google Cloud Storage in the store's codes; errors that have one already pass. */
export function gcsError({ error, path, place }: { error: unknown; path: string; place: Place }): unknown {
  if (error instanceof VelocastError) return error
  const status = Number(statusOf(error))
  const text = error instanceof Error ? error.message : String(error)
  const shared = { cause: error, data: { path, root: place.root, status: statusOf(error) } }
  if (
    status === 401 ||
    status === 403 ||
    /could not load the default credentials|invalid_grant/i.test(text)
  ) {
    return new VelocastError({
      ...shared,
      code: 'store_credentials',
      message: `store ${place.root} refuses these credentials; give the account the role storage.objectUser on the bucket: ${text}`,
    })
  }
  if (status === 404) {
    return new VelocastError({
      ...shared,
      code: 'store_bucket_missing',
      message: `store has no such bucket; create it or correct storage.root: ${place.bucket}`,
    })
  }
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return new VelocastError({
      ...shared,
      code: 'internal',
      message: `store ${place.root} refused the request for object ${path} with status ${status}: ${text}`,
    })
  }
  return new VelocastError({
    ...shared,
    code: 'store_unreachable',
    retryable: true,
    message: `store ${place.root} cannot be reached for object ${path}; check the network: ${text}`,
  })
}
