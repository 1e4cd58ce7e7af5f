import { z } from 'zod'

/** Version of the artefacts' layout: a field more keeps it, any other change raises it. */
export const ARTEFACT_SCHEMA_VERSION = '1.0'

export const time = z.iso.datetime().describe('UTC')
export const percent = z.number().min(0).max(100)
export const whole = z.number().int().min(0)

export const common = {
  schema_version: z.literal(ARTEFACT_SCHEMA_VERSION),
  generated_at: time.describe(
    'Event time: the end of the window, or of the newest poll. Equal data, equal bytes',
  ),
  system: z.string(),
}
export const windowed = {
  ...common,
  window: z.strictObject({ start_utc: time, end_utc: time.describe('Not in the window') }),
}
export const table = <Row extends z.ZodType>(row: Row) => z.strictObject({ ...windowed, rows: z.array(row) })
