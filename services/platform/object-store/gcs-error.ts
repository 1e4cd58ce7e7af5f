import { VelocastError } from '../errors.ts'

export interface Place {
  bucket: string
  /** `gs://bucket/prefix`. */
  root: string
}

/** What the client's authentication says of a key that is absent, is not one, or that its issuer refuses. */
const CREDENTIALS_UNUSABLE =
  /could not load the default credentials|credential file|client_email|private_key|DECODER routines|invalid_grant|invalid_client|account not found/i

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
  if (CREDENTIALS_UNUSABLE.test(text)) {
    const file = process.env.GOOGLE_APPLICATION_CREDENTIALS
    return new VelocastError({
      ...shared,
      code: 'store_credentials',
      message: `credentials for store ${place.root} cannot be used (${text}); name a service account's key with GOOGLE_APPLICATION_CREDENTIALS, or run where the cloud gives an account: ${file ?? 'not set'}`,
    })
  }
  if (status === 401 || status === 403) {
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
