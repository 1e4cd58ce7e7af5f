import { HASHED_FIELDS } from '../../domain/observation.ts'
import { type Column, OBSERVATION_COLUMNS } from './columns.ts'

const TYPES = new Map<string, Column['type']>(OBSERVATION_COLUMNS.map(({ name, type }) => [name, type]))

/** A column as the domain's content hash writes it: null is the empty text, times are epoch ms. */
function textSql(name: string): string {
  const value = TYPES.get(name) === 'timestamp' ? `epoch_ms("${name}")` : `"${name}"`
  return `coalesce(${value}::VARCHAR, '')`
}

/** `contentHash` of the domain in SQL over observation columns. */
export const CONTENT_HASH_SQL = `md5(concat_ws('|', ${HASHED_FIELDS.map(textSql).join(', ')}))`

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

const ROW_TEXT_SQL = `concat_ws('|', ${OBSERVATION_COLUMNS.map(({ name }) => textSql(name)).join(', ')})`

/**
 * Aggregates of a set of rows: `rows`, `valid_through` (newest event time, epoch ms) and the two sums of which
 * `contentSum` makes the content hash. Sums do not depend on order, and those of disjoint sets add up.
 */
export const CONTENT_SUMS_SQL = `count(*) AS "rows", epoch_ms(max(ts_utc)) AS valid_through,
  coalesce(sum((row_hash >> 64)::HUGEINT), 0)::VARCHAR AS upper_sum,
  coalesce(sum((row_hash & 18446744073709551615::UHUGEINT)::HUGEINT), 0)::VARCHAR AS lower_sum`

/** What `CONTENT_SUMS_SQL` is computed over, from a table or subquery. */
export function rowHashesSql(from: string): string {
  return `(SELECT ts_utc, tbin_utc, md5_number(${ROW_TEXT_SQL})::UHUGEINT AS row_hash FROM ${from})`
}
