import { HASHED_FIELDS } from '../../domain/observation.ts'
import { type Column, OBSERVATION_COLUMNS } from './columns.ts'

const TYPES = new Map<string, Column['type']>(OBSERVATION_COLUMNS.map(({ name, type }) => [name, type]))

/** Columns as the domain's content hash writes them, `|` between them: null is the empty text, times are epoch ms. */
function textSql(names: readonly string[]): string {
  const texts = names.map((name) => (TYPES.get(name) === 'timestamp' ? `epoch_ms("${name}")` : `"${name}"`))
  // To `concat`, null is the empty text: a sixth faster than as many `coalesce`.
  return `concat(${texts.join(`, '|', `)})`
}

/** `contentHash` of the domain in SQL over observation columns. */
export const CONTENT_HASH_SQL = `md5(${textSql(HASHED_FIELDS)})`

/**
 * Columns that the domain's order does not cover, by which rows are told apart that it finds equal: two different
 * rows never tie, so no result depends on the order of arrival. Null is least.
 */
export const LAST_TIE_BREAKERS = ['lat', 'lon', 'temp_C', 'precip_mm', 'wind_mps'] as const

/** `ORDER BY` of one station's rows in a bin, the last observation first. */
export const LAST_FIRST_SQL = [
  'ts_utc DESC',
  'fetched_utc DESC',
  `${CONTENT_HASH_SQL} DESC`,
  ...LAST_TIE_BREAKERS.map((name) => `"${name}" DESC NULLS LAST`),
].join(', ')

const ROW_TEXT_SQL = textSql(OBSERVATION_COLUMNS.map(({ name }) => name))

/**
 * Aggregates of a set of rows: `rows`, `valid_through` (newest event time, epoch ms) and the two sums of which
 * `contentSum` makes the content hash. Sums do not depend on order, and those of disjoint sets add up.
 */
export const CONTENT_SUMS_SQL = `count(*) AS "rows", epoch_ms(max(ts_utc)) AS valid_through,
  coalesce(sum((row_hash >> 64)::UBIGINT), 0)::VARCHAR AS upper_sum,
  coalesce(sum((row_hash & 18446744073709551615::UHUGEINT)::UBIGINT), 0)::VARCHAR AS lower_sum`

/** What `CONTENT_SUMS_SQL` is computed over, from a table or subquery. */
export function rowHashesSql(from: string): string {
  return `(SELECT ts_utc, tbin_utc, md5_number(${ROW_TEXT_SQL})::UHUGEINT AS row_hash FROM ${from})`
}
