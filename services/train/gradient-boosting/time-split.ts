import { VelocastError } from '../../platform/errors.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/**
 * Rows to train and to validate on: training rows lie before `validationFrom` by at least `gapMinutes`, so that no
 * label that a training row reaches for (up to the horizon ahead) lies in the validation span. The rows between are
 * in neither. Times are epoch milliseconds, in any order.
 */
export function splitByTime({
  times,
  validationFrom,
  gapMinutes = 0,
}: {
  times: Float64Array
  validationFrom: number
  gapMinutes?: number
}): { training: Uint32Array<ArrayBuffer>; validation: Uint32Array<ArrayBuffer> } {
  const trainingUntil = validationFrom - gapMinutes * MINUTE_MS
  const rowsWhere = (holds: (time: number) => boolean): Uint32Array<ArrayBuffer> => {
    let size = 0
    for (const time of times) if (holds(time)) size += 1
    const rows = new Uint32Array(size)
    let place = 0
    times.forEach((time, row) => {
      if (!holds(time)) return
      rows[place] = row
      place += 1
    })
    return rows
  }
  return {
    training: rowsWhere((time) => time < trainingUntil),
    validation: rowsWhere((time) => time >= validationFrom),
  }
}

/** Weights that halve with every `halfLifeDays` before `until`: 1 at `until` and later. Throws `request_invalid`. */
export function recencyWeights({
  times,
  until,
  halfLifeDays,
}: {
  times: Float64Array
  until: number
  halfLifeDays: number
}): Float32Array<ArrayBuffer> {
  if (!(halfLifeDays > 0)) {
    const message = `half-life must be above 0 days, got ${halfLifeDays}`
    throw new VelocastError({ code: 'request_invalid', message })
  }
  return Float32Array.from(times, (time) => 2 ** -(Math.max(0, until - time) / DAY_MS / halfLifeDays))
}
