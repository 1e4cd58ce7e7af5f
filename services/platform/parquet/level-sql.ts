import { type LevelThresholds, levelRules } from '../../domain/levels.ts'

/** Free docks as `freeDocks` of the domain, in SQL over observation columns. */
const FREE_DOCKS_SQL =
  'coalesce(docks, CASE WHEN capacity - bikes IS NOT NULL THEN greatest(capacity - bikes, 0) END)'

/** `levelOf` of the domain in SQL over observation columns, from the same rules. */
export function levelSql(thresholds: LevelThresholds): string {
  const counts = { bikes: 'bikes', free: FREE_DOCKS_SQL }
  const steps = levelRules(thresholds).map(
    ({ level, count, atMost }) => `WHEN ${counts[count]} <= ${atMost} THEN '${level}'`,
  )
  return [
    "CASE WHEN NOT is_installed OR NOT (is_renting OR is_returning) THEN 'closed'",
    ...steps,
    "WHEN bikes IS NULL THEN 'unknown' ELSE 'normal' END",
  ].join(' ')
}
