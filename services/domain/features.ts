import { createHash } from 'node:crypto'
import type { Window } from './ring.ts'
import type { Slot } from './slot.ts'
import type { StationFacts } from './station-window.ts'

/** Version of the definitions below. Any change of a formula is a new version, so that old packs are refused. */
export const FEATURE_SET = 'core-1'

/** Lags of `bikes`, in bins of 5 minutes: exact in time, never "rows back". */
export const BIKE_LAGS = [1, 2, 3, 6, 12, 24, 36, 48] as const

interface Feature {
  /** Lags of the window that it reads; 0 is bin T. */
  lags: readonly number[]
  compute(window: Window, station: StationFacts): number | null
}

const now = (read: (slot: Slot) => number | null): Feature => ({
  lags: [0],
  compute: ({ slots }) => (slots[0] == null ? null : read(slots[0])),
})

const FEATURES: Record<string, Feature> = {
  bikes: now((slot) => slot.bikes),
  docks: now((slot) => slot.docks),
  capacity: now((slot) => slot.capacity),
  mechanical: now((slot) => slot.mechanical),
  ebike: now((slot) => slot.ebike),
  occ_ratio: now(({ bikes, capacity }) =>
    bikes === null || capacity === null || capacity <= 0 ? null : bikes / capacity,
  ),
  in_service: now(({ is_installed, status_ok }) => (is_installed && status_ok ? 1 : 0)),
  temp_C: now((slot) => slot.temp_C),
  precip_mm: now((slot) => slot.precip_mm),
  wind_mps: now((slot) => slot.wind_mps),
  ...Object.fromEntries(
    BIKE_LAGS.map((lag): [string, Feature] => [
      `bikes_lag${lag}`,
      { lags: [lag], compute: ({ slots }) => slots[lag]?.bikes ?? null },
    ]),
  ),
}

/** Names of the core set, in the order of a persistence pack's input. */
export const CORE_FEATURES: readonly string[] = Object.keys(FEATURES)

/** Names that no feature has. */
export function unknownFeatures(names: readonly string[]): string[] {
  return names.filter((name) => FEATURES[name] === undefined)
}

/** Lags that these features read, ascending; `[0]` or `[]` means that no history is needed. */
export function featureLags(names: readonly string[]): number[] {
  const lags = new Set(names.flatMap((name) => feature(name).lags))
  return [...lags].sort((a, b) => a - b)
}

/** First 16 hex of SHA-256 over the set's version and the names, in order, each followed by a line feed. */
export function featuresHash(names: readonly string[], set: string = FEATURE_SET): string {
  const text = [set, ...names].map((part) => `${part}\n`).join('')
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/**
 * Features of one station at bin T, in the order of `names`, single precision, NaN where a value is unknown. A function
 * of the window alone (bins T−48..T) and the station's facts: stream, backfill, training and backtest all call this.
 */
export function computeFeatures({
  window,
  station,
  names,
}: {
  window: Window
  station: StationFacts
  names: readonly string[]
}): Float32Array {
  const values = new Float32Array(names.length)
  for (let place = 0; place < names.length; place += 1) {
    values[place] = feature(names[place]!).compute(window, station) ?? Number.NaN
  }
  return values
}

function feature(name: string): Feature {
  const found = FEATURES[name]
  if (found === undefined) {
    throw new RangeError(`feature must be one of ${CORE_FEATURES.join(', ')}, got ${name}`)
  }
  return found
}
