import { type Calibration, calibratedRow, ENSEMBLES, type EnsembleOutputs } from './calibration.ts'
import type { GoldenRow, TrainedManifest } from './trained-manifest.ts'

/** Calibration is the same arithmetic on the same numbers: only a library's last digits may differ. */
const FORECAST_TOLERANCE = 1e-6

/** The golden rows as one batch of the model's input, row after row. */
export function goldenBatch({ golden }: Pick<TrainedManifest, 'golden'>): Float32Array {
  return Float32Array.from(
    golden.flatMap(({ features }) => features),
    orNaN,
  )
}

/**
 * First difference between the golden rows and what a pack gives: `outputs` of the model for `goldenBatch`, and the
 * calibrated forecast of the golden outputs themselves, for whole quantiles may jump at the last digit of an output. Null
 * when all are equal.
 */
export function trainedGoldenFault({
  manifest,
  calibration,
  outputs,
}: {
  manifest: Pick<TrainedManifest, 'golden' | 'tolerance'>
  calibration: Calibration
  outputs: EnsembleOutputs
}): string | null {
  for (const [row, expected] of manifest.golden.entries()) {
    for (const name of ENSEMBLES) {
      const got = outputs[name][row]!
      if (near(expected.outputs[name], got, manifest.tolerance)) continue
      return `golden[${row}].outputs.${name} must be ${expected.outputs[name]}, got ${got}`
    }
    const got = forecastOf(expected, calibration)
    for (const field of Object.keys(got) as (keyof GoldenRow['forecast'])[]) {
      if (near(orNaN(expected.forecast[field]), got[field], FORECAST_TOLERANCE)) continue
      return `golden[${row}].forecast.${field} must be ${expected.forecast[field]}, got ${got[field]}`
    }
  }
  return null
}

function forecastOf(
  golden: GoldenRow,
  calibration: Calibration,
): Record<keyof GoldenRow['forecast'], number> {
  const { squared, robust, absolute, scale } = golden.outputs
  const { mean, q10, median, q90, pBike, pDock, docks } = calibratedRow({
    calibration,
    outputs: {
      squared: Float32Array.of(squared),
      robust: Float32Array.of(robust),
      absolute: Float32Array.of(absolute),
      scale: Float32Array.of(scale),
    },
    facts: {
      station: Int32Array.of(golden.station),
      hour: Uint8Array.of(golden.hour),
      bikes: Float32Array.of(orNaN(golden.bikes)),
      docks: Float32Array.of(orNaN(golden.docks)),
      capacity: Float32Array.of(orNaN(golden.capacity)),
    },
    row: 0,
  })
  return { mean, q10, median, q90, p_bike: pBike, p_dock: pDock, docks }
}

function near(expected: number, got: number, tolerance: number): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(got)
  return Math.abs(expected - got) <= tolerance * Math.max(1, Math.abs(expected))
}

function orNaN(value: number | null): number {
  return value ?? Number.NaN
}
