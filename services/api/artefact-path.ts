import { VelocastError } from '../platform/errors.ts'

/** System ids, as the configuration takes them. */
export const OBJECT_SYSTEM_PATTERN = '^[a-z0-9][a-z0-9-]{0,62}$'

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._=-]{0,127}$/
const MAX_SEGMENTS = 8

/**
 * Object path of a monitoring artefact, `<system>/monitoring/<rest>`. Only plain names pass: no empty, dot or
 * dot-dot segment, backslash, or percent sign can leave the folder. Throws `request_invalid`.
 */
export function monitoringPath({ system, rest }: { system: string; rest: string }): string {
  const segments = rest.split('/')
  const plain = segments.length <= MAX_SEGMENTS && segments.every((segment) => SEGMENT.test(segment))
  if (!plain || !rest.endsWith('.json')) {
    throw new VelocastError({
      code: 'request_invalid',
      message: `artefact path must be plain names that end in .json, see docs/api.md: ${rest}`,
    })
  }
  return `${system}/monitoring/${rest}`
}

const SECONDS_BY_NAME: [RegExp, number][] = [
  [/(^|\/)freshness\//, 30],
  [/(^|\/)(kpis|alerts|summary|overview|manifest)\.json$/, 60],
  [/(^|\/)(anomalies\w*|daily_metrics|psi_global_daily_ema|features_detected)\.json$/, 120],
]

/** How long a shared cache may keep an artefact without asking, seconds. */
export function artefactMaxAge(path: string): number {
  return SECONDS_BY_NAME.find(([pattern]) => pattern.test(path))?.[1] ?? 300
}
