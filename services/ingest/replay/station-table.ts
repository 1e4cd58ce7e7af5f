import { DuckDBInstance } from '@duckdb/node-api'
import type { StationDescription } from '../../domain/gbfs/information.ts'
import { VelocastError } from '../../platform/errors.ts'
import { quoted } from './parquet-columns.ts'

/**
 * Stations from a CSV with a header: station_id, and what it has of name, lat, lon, capacity, region_id.
 * Throws `replay_unreadable`.
 */
export async function readStationTable(path: string): Promise<StationDescription[]> {
  const instance = await DuckDBInstance.create(':memory:')
  try {
    const connection = await instance.connect()
    const reader = await connection.runAndReadAll(
      `SELECT * FROM read_csv(${quoted(path)}, header = true, all_varchar = true)`,
    )
    const rows = reader.getRowObjectsJson() as Record<string, string | null>[]
    connection.closeSync()
    if (rows.length > 0 && rows[0]!.station_id === undefined) throw new Error('no column station_id')
    return rows
      .filter(({ station_id }) => typeof station_id === 'string' && station_id !== '')
      .map((row) => ({
        station_id: row.station_id!,
        name: row.name || null,
        lat: numberOf(row.lat),
        lon: numberOf(row.lon),
        capacity: numberOf(row.capacity),
        region_id: row.region_id || null,
      }))
  } catch (cause) {
    throw new VelocastError({
      code: 'replay_unreadable',
      message: `station table must be a CSV with a header and station_id (${String(cause)}), got ${path}`,
      cause,
    })
  } finally {
    instance.closeSync()
  }
}

function numberOf(text: string | null | undefined): number | null {
  if (text === undefined || text === null || text.trim() === '') return null
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}
