import type { TrainedManifest } from '../domain/forecasting/trained-manifest.ts'

/** Persistence is 0.1.0: every trained version is above it. */
const FIRST = '1.0.0'

/**
 * The version after the system's greatest one: the next minor when the horizons or the features of any of them changed,
 * else the next patch; 1.0.0 without any. `previous` are the manifests of that greatest version.
 */
export function nextVersion({
  previous,
  next,
}: {
  previous: readonly TrainedManifest[]
  /** Horizon in minutes → features hash. */
  next: ReadonlyMap<number, string>
}): string {
  const [last] = previous
  if (last === undefined) return FIRST
  const same =
    previous.length === next.size &&
    previous.every(({ horizon_min, features }) => next.get(horizon_min) === features.hash)
  const [major = 0, minor = 0, patch = 0] = numbersOf(last.version)
  return same ? `${major}.${minor}.${patch + 1}` : `${major}.${minor + 1}.0`
}

/** Ascending. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)]
  for (let place = 0; place < 3; place += 1) {
    const difference = (left[place] ?? 0) - (right[place] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function numbersOf(version: string): number[] {
  return version.split('.').map(Number)
}
