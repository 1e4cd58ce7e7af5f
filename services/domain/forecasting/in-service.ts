import { isClosed } from '../levels.ts'

/** Status texts, in capitals, that say that a station is closed. */
export const CLOSED_STATUSES = [
  'CLOSED',
  'CLOSE',
  'OUT_OF_SERVICE',
  'MAINTENANCE',
  'PLANNED',
  'END_OF_LIFE',
] as const

/** The closed word that readers write themselves where a feed has none and a flag is clear. */
export const DERIVED_STATUS = 'CLOSED' satisfies (typeof CLOSED_STATUSES)[number]

const closed: ReadonlySet<string> = new Set(CLOSED_STATUSES)

export interface ServiceFlags {
  is_installed: boolean
  is_renting: boolean
  is_returning: boolean
}

/**
 * True unless the status text says closed on its own account. Any other word (`active`, `IN_SERVICE`, none) is open;
 * DERIVED_STATUS beside a clear flag only repeats the flag.
 */
export function statusOpen({
  status,
  is_renting,
  is_returning,
}: Pick<ServiceFlags, 'is_renting' | 'is_returning'> & { status: string }): boolean {
  const word = status.toUpperCase()
  return !closed.has(word) || (word === DERIVED_STATUS && !(is_renting && is_returning))
}

/**
 * The one rule of service, for what is served, labels, training and scores: installed, renting or taking back, and no
 * status text of its own that says closed. One clear flag alone says nothing (`isClosed`): feeds exist that clear
 * `is_renting` whenever a station is empty and `is_returning` whenever it is full. `status_ok` is `statusOpen`.
 * In SQL: `inServiceSql`.
 */
export function inService({
  is_installed,
  is_renting,
  is_returning,
  status_ok,
}: ServiceFlags & { status_ok: boolean }): boolean {
  const flags = { is_installed, is_renting, is_returning, bikes: null, docks: null, capacity: null }
  return status_ok && !isClosed(flags)
}
