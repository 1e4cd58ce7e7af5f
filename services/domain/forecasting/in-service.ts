import { isClosed, type LevelInput } from '../levels.ts'

/** Status texts, in capitals, that say that a station is closed whatever its flags are. */
export const CLOSED_STATUSES = [
  'CLOSED',
  'CLOSE',
  'OUT_OF_SERVICE',
  'MAINTENANCE',
  'PLANNED',
  'END_OF_LIFE',
] as const

const closed: ReadonlySet<string> = new Set(CLOSED_STATUSES)

/**
 * True when a station counts for labels and scores: not closed by its flags (the one definition of `isClosed`, which
 * keeps the empty stations of feeds that clear `is_renting` there), nor by its status text.
 */
export function countsForLabels(
  station: Pick<LevelInput, 'is_installed' | 'is_renting' | 'is_returning'> & { status: string },
): boolean {
  const { is_installed, is_renting, is_returning, status } = station
  const flags = { is_installed, is_renting, is_returning, bikes: null, docks: null, capacity: null }
  return !isClosed(flags) && !closed.has(status.toUpperCase())
}
