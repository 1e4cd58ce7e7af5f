import { type ErrorCode, VelocastError } from '../errors.ts'

/** Body of every answer that is not a success. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string }
}

/** JSON schema of `ErrorBody`; every server of `createHttpServer` knows it by its id. */
export const errorSchema = {
  $id: 'Error',
  type: 'object',
  description: 'What went wrong: a stable code (docs/errors.md) and a sentence for people',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string' }, message: { type: 'string' } },
    },
  },
} as const

const STATUS_BY_CODE: Partial<Record<ErrorCode, number>> = {
  request_invalid: 400,
  not_found: 404,
  unauthenticated: 401,
  forbidden: 403,
  run_in_progress: 409,
  listeners_full: 503,
  look_up_store_unreachable: 503,
  window_store_unreachable: 503,
  log_unreachable: 503,
  store_unreachable: 503,
  store_credentials: 503,
  store_bucket_missing: 503,
  store_object_missing: 404,
}

/**
 * Status and body of an error. Errors that are not ours and not the client's become `internal` with the request's
 * id: their text may hold what no client should see, and stands in the log.
 */
export function errorAnswer({ error, requestId }: { error: unknown; requestId: string }): {
  status: number
  body: ErrorBody
} {
  if (error instanceof VelocastError) {
    const status = STATUS_BY_CODE[error.code]
    if (status !== undefined) return { status, body: { error: { code: error.code, message: error.message } } }
  }
  const status = clientStatus(error)
  if (status !== null) {
    const message = error instanceof Error ? error.message : 'request cannot be read'
    return { status, body: { error: { code: 'request_invalid', message } } }
  }
  const message = `request failed inside the service, look for its id in the log: ${requestId}`
  return { status: 500, body: { error: { code: 'internal', message } } }
}

/** The 4xx status that the HTTP framework gave an error, null where it gave none. */
function clientStatus(error: unknown): number | null {
  if (!(error instanceof Error) || !('statusCode' in error)) return null
  const { statusCode } = error
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500 ? statusCode : null
}
