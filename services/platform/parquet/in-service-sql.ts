import { CLOSED_STATUSES, DERIVED_STATUS } from '../../domain/forecasting/in-service.ts'
import { quote } from './duckdb.ts'

const COLUMNS = {
  installed: 'is_installed',
  renting: 'is_renting',
  returning: 'is_returning',
  status: 'status',
} as const

/**
 * `inService` and `statusOpen` of the domain in SQL. Each column is an SQL expression, by default that of an
 * observation file; an unknown flag counts as set, an unknown status as no word, as readers take them.
 */
export function inServiceSql(columns: Partial<Record<keyof typeof COLUMNS, string>> = {}): string {
  const { installed, renting, returning, status } = { ...COLUMNS, ...columns }
  const set = (flag: string): string => `coalesce(${flag}, true)`
  const word = `upper(coalesce(${status}, ''))`
  return `(${set(installed)} AND (${set(renting)} OR ${set(returning)})
    AND (${word} NOT IN (${CLOSED_STATUSES.map(quote).join(', ')})
      OR (${word} = ${quote(DERIVED_STATUS)} AND NOT (${set(renting)} AND ${set(returning)}))))`
}
