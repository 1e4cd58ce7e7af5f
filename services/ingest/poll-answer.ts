import type { StatusAnswer } from '../domain/status.ts'
import type { ErrorCode } from '../platform/errors.ts'

/**
 * What one poll of one system gave, whatever the source: live, replay or simulator.
 * `fetched_utc` is when the answer (or failure) came; in a replay the recorded fetch time, else null
 * (then the published time stands in).
 */
export type PollAnswer =
  | {
      kind: 'status'
      status: StatusAnswer
      /** SHA-256 of the body (or of the recorded rows), hex: equal content and published time mean `unchanged`. */
      content: string
      fetched_utc: number | null
      duration_ms: number | null
    }
  | { kind: 'not_modified'; fetched_utc: number; duration_ms: number | null }
  | { kind: 'failed'; code: ErrorCode; message: string; fetched_utc: number; duration_ms: number | null }
