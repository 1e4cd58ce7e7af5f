import { z } from 'zod'
import type { Calibration } from './calibration.ts'
import { CHANGE_VALUES, SCALES } from './change-distribution.ts'
import { ACTIVITY_CLASSES } from './persistence-guard.ts'

const numbers = z.array(z.number())
const share = z.number().min(0).max(1)
const ascending = numbers.refine(
  (values) => values.every((value, place) => place === 0 || value >= values[place - 1]!),
  'must ascend',
)
const isotonic = z
  .object({ raw: ascending.min(1), calibrated: z.array(share).min(1) })
  .refine(
    ({ raw, calibrated }) => raw.length === calibrated.length,
    'must have a calibrated value for each raw one',
  )
const CELLS = ACTIVITY_CLASSES * 24

const calibrationSchema = z.object({
  meanWeights: numbers.length(3),
  guard: z.object({
    classes: z.array(
      z
        .number()
        .int()
        .min(0)
        .max(ACTIVITY_CLASSES - 1),
    ),
    meanWeights: z.array(share).length(CELLS),
    medianAllowed: z.array(share).length(CELLS),
    stationAllowed: z.array(share),
  }),
  distribution: z
    .object({
      scoreEdges: ascending,
      centres: numbers,
      scaleEdges: z.array(ascending.max(SCALES - 1)),
      cumulative: z.array(
        z
          .array(share)
          .length(CHANGE_VALUES)
          .refine((values) => values.at(-1) === 1, 'must end at 1'),
      ),
    })
    .refine(
      ({ scoreEdges, centres, scaleEdges, cumulative }) =>
        centres.length === scoreEdges.length + 1 &&
        scaleEdges.length === centres.length &&
        cumulative.length === centres.length * SCALES,
      'must have a centre, scale edges and cells for each score bin',
    ),
  /** Files of before it have none. */
  margin: z.number().min(0).max(0.4).default(0),
  bike: isotonic,
  dock: isotonic,
})

/** A calibration as JSON text; the same one gives the same bytes. */
export function encodeCalibration(calibration: Calibration): Buffer {
  const { distribution } = calibration
  const cumulative = distribution.cumulative.map((shares) => [...shares])
  return Buffer.from(`${JSON.stringify({ ...calibration, distribution: { ...distribution, cumulative } })}\n`)
}

/** Throws RangeError for bytes that are no calibration of `stations` stations. */
export function decodeCalibration(bytes: Buffer, { stations }: { stations: number }): Calibration {
  let json: unknown
  try {
    json = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new RangeError('calibration must be JSON')
  }
  const parsed = calibrationSchema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new RangeError(`calibration is broken: ${issue?.path.join('.')} ${issue?.message}`)
  }
  const { guard, distribution } = parsed.data
  for (const field of ['classes', 'stationAllowed'] as const) {
    if (guard[field].length === stations) continue
    throw new RangeError(
      `calibration's guard.${field} must have ${stations} values, got ${guard[field].length}`,
    )
  }
  const cumulative = distribution.cumulative.map((shares) => Float32Array.from(shares))
  return { ...parsed.data, distribution: { ...distribution, cumulative } }
}
