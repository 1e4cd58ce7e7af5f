import { VelocastError } from '../errors.ts'

/** `schema_incompatible`: what changed must be undone, or move to a new topic version. */
export function schemaIncompatible(subject: string, reason: string, cause?: unknown): VelocastError {
  return new VelocastError({
    code: 'schema_incompatible',
    message: `schema of ${subject} is not FULL_TRANSITIVE compatible with its earlier versions, undo the change or make it a new topic version: ${reason}`,
    cause,
    data: { subject },
  })
}
