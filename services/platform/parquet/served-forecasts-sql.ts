import { inServiceSql } from './in-service-sql.ts'
import { LAST_FIRST_SQL } from './observation-sql.ts'

/** Forecasts of record of `from` (parts): of each bin those of its last poll, in the domain's order of polls. */
export function forecastsOfRecordSql(from: string): string {
  return `(SELECT * FROM ${from} QUALIFY rank() OVER (PARTITION BY tbin_utc ORDER BY predicted_utc DESC, poll_id DESC) = 1
    AND row_number() OVER (PARTITION BY tbin_utc, station_id, horizon_min ORDER BY predicted_utc DESC, poll_id DESC) = 1)`
}

/**
 * Forecasts of record joined in time with what the stations showed: their columns, then `source_in_service` (the final
 * row of T is in service; false without one), `target_in_service` and `true_bikes`, `true_docks` (the final row at
 * exactly `target_utc`; null without one), and `change`, the label of the domain's `changeBetween`, null where it gives none.
 * `forecasts` and `observations` are SQL tables; the second may hold a (station, bin) more than once.
 */
export function servedForecastsSql({
  forecasts,
  observations,
}: {
  forecasts: string
  observations: string
}): string {
  const columns = `station_id, tbin_utc, bikes, docks, ${inServiceSql()} AS in_service`
  const keys = '(station_id, tbin_utc)'
  // Ordering hashes every row, so only keys that stand more than once are ordered.
  return `(WITH served AS ${forecastsOfRecordSql(forecasts)},
    repeated AS (SELECT station_id, tbin_utc FROM ${observations} GROUP BY ALL HAVING count(*) > 1),
    ends AS (SELECT ${columns} FROM ${observations} ANTI JOIN repeated USING ${keys}
      UNION ALL SELECT ${columns} FROM ${observations} SEMI JOIN repeated USING ${keys}
      QUALIFY row_number() OVER (PARTITION BY station_id, tbin_utc ORDER BY ${LAST_FIRST_SQL}) = 1)
    SELECT served.*, coalesce(source.in_service, false) AS source_in_service,
      target.in_service AS target_in_service, target.bikes AS true_bikes, target.docks AS true_docks,
      CASE WHEN source.in_service AND target.in_service THEN target.bikes - served.bikes END AS change
    FROM served
    LEFT JOIN ends source ON source.station_id = served.station_id AND source.tbin_utc = served.tbin_utc
    LEFT JOIN ends target ON target.station_id = served.station_id AND target.tbin_utc = served.target_utc)`
}
