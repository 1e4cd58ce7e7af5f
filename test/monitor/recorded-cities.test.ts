import { describe, expect, test } from 'vitest'
import type { FinalRow } from '../../services/domain/aggregates/aggregate.ts'
import { addRow, type Bundle, emptyBundle } from '../../services/domain/aggregates/bundle.ts'
import { BIN_MS, floorBin, floorHour } from '../../services/domain/bin.ts'
import { type Assessment, assess } from '../../services/monitor/assessment.ts'
import { MemoryHours } from '../../services/monitor/memory-hours.ts'
import { openDuckDb, quote } from '../../services/platform/parquet/duckdb.ts'
import { recordedData } from '../recorded-data.ts'

const recorded = recordedData()

async function assessed(query: string, timezone: string, windowFrom: number | null): Promise<Assessment> {
  const database = await openDuckDb()
  const cells = await database.rows(query)
  await database.close()
  const hours = new Map<number, Bundle>()
  let end = 0
  for (const cell of cells) {
    const row = {
      ...cell,
      name: null,
      last_reported: null,
      temp_C: null,
      precip_mm: null,
      wind_mps: null,
      fetched_utc: cell.ts_utc,
    } as unknown as FinalRow
    const hour = floorHour(row.ts_utc)
    const bundle = hours.get(hour) ?? emptyBundle()
    hours.set(hour, bundle)
    addRow(bundle, row)
    end = Math.max(end, floorBin(row.ts_utc) + BIN_MS)
  }
  const source = new MemoryHours()
  for (const [hour, bundle] of hours) source.add(hour, bundle, windowFrom === null || hour >= windowFrom)
  return assess({ system: 'city', timezone, end, windowDays: 7, referenceDays: 7, source })
}

describe.skipIf(recorded === null)('recorded cities (skipped where the recorded data is absent)', () => {
  test("Docomo's thirteen hours, night included, have no flat run, no freeze, no hole", async () => {
    const file = quote(`${recorded}/docomo-tokyo/status_1min_first13h.parquet`)
    const found = await assessed(
      `SELECT epoch_ms(ts_utc) AS ts_utc, station_id, bikes, docks, bikes AS mechanical, 0 AS ebike, NULL AS capacity,
         true AS is_installed, bikes > 0 AS is_renting, docks > 0 AS is_returning
       FROM ${file} WHERE hash(station_id) % 4 = 0
       QUALIFY row_number() OVER (PARTITION BY station_id, time_bucket(INTERVAL 5 minute, ts_utc) ORDER BY ts_utc DESC) = 1`,
      'Asia/Tokyo',
      null,
    )
    expect(found.healthAlerts).toEqual([])
    expect(found.health.stations.length).toBeGreaterThan(200)
    expect(found.health.coverageActivePct).toBe(100)
  }, 60_000)

  test('Paris of 31 October to 4 November 2024 was frozen at daytime, and few stations are to blame', async () => {
    const file = quote(`${recorded}/velib-2024-11/status_5min_20241031_20241107.parquet`)
    const found = await assessed(
      `SELECT epoch_ms(ts_utc::TIMESTAMP) AS ts_utc, station_id, bikes, docks, mechanical, ebike, capacity,
         is_installed, is_renting, is_returning
       FROM ${file} WHERE hash(station_id) % 4 = 0
       QUALIFY row_number() OVER (PARTITION BY station_id, time_bucket(INTERVAL 5 minute, ts_utc::TIMESTAMP) ORDER BY ts_utc DESC) = 1`,
      'Europe/Paris',
      null,
    )
    const frozen = found.health.frozen.filter(({ verdict }) => verdict === 'frozen')
    expect(frozen.length).toBeGreaterThanOrEqual(4)
    expect(frozen.every(({ end }) => end < Date.UTC(2024, 10, 5))).toBe(true)
    expect(found.health.flat.length).toBeLessThanOrEqual(2)
    expect(found.health.coverageStationPct).toBeGreaterThan(99)
  }, 60_000)
})
