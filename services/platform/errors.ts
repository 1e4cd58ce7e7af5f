/** Every error code of Velocast. Codes are API: documented in docs/errors.md, never renamed. */
export const ERROR_CODES = [
  'config_invalid',
  'config_unreadable',
  'log_unreachable',
  'log_credentials',
  'log_topic_missing',
  'log_record_oversized',
  'log_stale_epoch',
  'registry_unreachable',
  'schema_incompatible',
  'schema_unknown_id',
  'record_corrupt',
  'record_null_value',
  'record_wrong_key',
  'record_invalid',
  'store_unreachable',
  'store_credentials',
  'store_bucket_missing',
  'store_full',
  'store_precondition_failed',
  'store_object_missing',
  'store_object_unreadable',
  'window_store_unreachable',
  'window_stale_epoch',
  'window_overrun',
  'look_up_store_unreachable',
  'lease_held',
  'lease_lost',
  'feed_unreachable',
  'feed_status',
  'feed_too_large',
  'feed_redirects',
  'feed_timeout',
  'feed_malformed',
  'feed_no_stations',
  'feed_version_unknown',
  'feed_published_far_ahead',
  'weather_unreachable',
  'weather_malformed',
  'weather_unit',
  'replay_unreadable',
  'replay_empty',
  'model_pack_invalid',
  'model_not_found',
  'compaction_unverified',
  'compaction_no_input',
  'run_in_progress',
  'training_aborted',
  'unauthenticated',
  'forbidden',
  'request_invalid',
  'not_found',
  'listeners_full',
  'port_in_use',
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export interface ErrorOptions {
  code: ErrorCode
  /** Lower case, subject first, the offending value last, and what to do. */
  message: string
  /** True when trying again may succeed without anyone's help. */
  retryable?: boolean
  cause?: unknown
  data?: Record<string, unknown>
}

/** The one error class: a stable code, whether a retry can help, the cause, and the facts. */
export class VelocastError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly data: Record<string, unknown>

  constructor({ code, message, retryable = false, cause, data = {} }: ErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'VelocastError'
    this.code = code
    this.retryable = retryable
    this.data = data
  }
}

/** True for an error that may go away by itself; anything that is not ours is taken as not retryable. */
export function isRetryable(error: unknown): boolean {
  return error instanceof VelocastError && error.retryable
}

export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof VelocastError && error.code === code
}
