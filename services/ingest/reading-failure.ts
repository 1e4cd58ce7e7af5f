import { ReadingError } from '../domain/reading-error.ts'
import { type ErrorCode, VelocastError } from '../platform/errors.ts'

/** Code and message that a failed poll is recorded with; `internal` for an error that is not ours. */
export function failureOf(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof ReadingError || error instanceof VelocastError) {
    return { code: error.code, message: error.message }
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) }
}
