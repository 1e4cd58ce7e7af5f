/** Why a whole answer can't be read. Each is also an error code of the platform. */
export const READING_CODES = [
  'feed_malformed',
  'feed_no_stations',
  'feed_version_unknown',
  'feed_published_far_ahead',
  'weather_malformed',
  'weather_unit',
] as const
export type ReadingCode = (typeof READING_CODES)[number]

/** An answer that can't be read at all: the ground floor's only error. A single bad station is a `Refusal` instead. */
export class ReadingError extends Error {
  readonly code: ReadingCode

  /** `message`: lower case, subject first, the offending value last, and what to do. */
  constructor({ code, message, cause }: { code: ReadingCode; message: string; cause?: unknown }) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ReadingError'
    this.code = code
  }
}

/** A value as an error message shows it: JSON, at most 80 characters. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value))
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`
}
