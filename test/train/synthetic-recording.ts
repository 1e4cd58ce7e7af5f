import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDuckDb, quote } from '../../services/platform/parquet/duckdb.ts'

export const STATIONS = 12
export const START = Date.parse('2026-03-02T00:00:00Z')

/**
 * Status rows of a town that fills in the morning and empties in the evening, with noise that a hash of station and bin
 * decides: every 5 minutes for `days` days, one station out of service on each second day.
 */
export async function writeRecording({
  directory,
  days,
}: {
  directory: string
  days: number
}): Promise<{ status: string; stations: string }> {
  const database = await openDuckDb({ threads: 1 })
  const status = join(directory, 'status.parquet')
  const stations = join(directory, 'stations.csv')
  try {
    await database.run(`COPY (
      SELECT make_timestamp(${START * 1000} + bin * 300000000 + 17000000) AS ts_utc, 's' || station AS station_id,
        greatest(0, least(20, 10 + round(7 * sin(2 * pi() * (bin % 288) / 288 + station)
          + (hash(station * 100003 + bin) % 1000) / 600.0)))::INTEGER AS bikes,
        20 - bikes AS docks, bikes AS mechanical, 0 AS ebike, 20 AS capacity,
        NOT (station = 3 AND (bin // 288) % 2 = 1) AS is_installed, true AS is_renting, true AS is_returning
      FROM range(${days * 288}) AS bins(bin), range(${STATIONS}) AS places(station)
      ORDER BY bin, station) TO ${quote(status)} (FORMAT parquet)`)
  } finally {
    await database.close()
  }
  const rows = Array.from(
    { length: STATIONS },
    (_, station) =>
      `s${station},"Place, ${station}",${48.8 + 0.01 * station},${2.3 + 0.01 * (station % 4)},20`,
  )
  await writeFile(stations, ['station_id,name,lat,lon,capacity', ...rows].join('\n'))
  return { status, stations }
}
