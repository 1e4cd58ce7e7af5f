import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DAY_MS, dayName, floorBin } from '../../services/domain/bin.ts'
import { levelOf } from '../../services/domain/levels.ts'
import type { Observation } from '../../services/domain/observation.ts'
import { bronzePath, eventsPath, rollingEventsPath } from '../../services/platform/object-store/layout.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import { bronzeContentName, encodeBronze } from '../../services/platform/parquet/bronze.ts'
import { openDuckDb, quote, type SqlValue } from '../../services/platform/parquet/duckdb.ts'
import { compactDaily } from '../../services/sink/compaction/daily.ts'
import { exportEvents } from '../../services/sink/export/events.ts'
import { exportRollingEvents } from '../../services/sink/export/rolling-events.ts'
import { lastOfEach, pollOf } from './observations.ts'
import { fingerprint, openTown } from './town.ts'

const DAY = '2024-11-05'
const MIDNIGHT = Date.UTC(2024, 10, 5)
const MINUTE = 60_000
const system = 'town'

/** Stations at every edge: full, empty, closed, of unknown or no capacity, over capacity, of any status. */
function parts(midnight = MIDNIGHT): Observation[][] {
  const edges: Partial<Observation>[] = [
    { bikes: 0 },
    { bikes: 2, status: 'CLOSED' },
    { bikes: null, docks: null },
    { capacity: null, docks: null, bikes: 7 },
    { capacity: 0, bikes: 0, docks: 0, status: 'never seen before' },
    { bikes: 20, docks: 0, status: 'out_of_service', is_installed: false },
    { bikes: 1, capacity: 3, docks: null },
    { bikes: 9, docks: 3 },
  ]
  return [0, 65, 23 * 60 + 59].map((minute) =>
    pollOf({ ts: midnight + minute * MINUTE, stations: edges.length }).observations.map((row, index) => ({
      ...row,
      ...edges[index],
    })),
  )
}

async function putDay(objects: ObjectStore, midnight = MIDNIGHT): Promise<void> {
  for (const rows of parts(midnight)) {
    const bin = floorBin(rows[0]!.ts_utc)
    await objects.put(bronzePath({ system, bin, content: bronzeContentName(rows) }), encodeBronze({ rows }))
  }
}

async function eventsOf(
  objects: ObjectStore,
  path: string,
): Promise<{ rows: Record<string, SqlValue>[]; types: unknown[] }> {
  const database = await openDuckDb()
  try {
    const file = join(database.directory, 'events.parquet')
    await objects.download(path, file)
    const from = `read_parquet(${quote(file)})`
    const types = await database.rows(
      `SELECT column_name AS name, column_type AS type FROM (DESCRIBE SELECT * FROM ${from})`,
    )
    const rows = await database.rows(
      `SELECT * REPLACE (epoch_ms(tbin_utc) AS tbin_utc, epoch_ms(ts_utc) AS ts_utc) FROM ${from}`,
    )
    return { rows, types: types.map(({ name, type }) => `${name} ${type}`) }
  } finally {
    await database.close()
  }
}

function eventOf(row: Observation): Record<string, unknown> {
  const { bikes, capacity } = row
  const bin = floorBin(row.ts_utc)
  const codes: Record<string, number> = { OK: 0, CLOSED: 1, out_of_service: 3 }
  return {
    tbin_utc: bin,
    station_id: row.station_id,
    bikes,
    capacity,
    mechanical: row.mechanical,
    ebike: row.ebike,
    status: row.status,
    status_code: codes[row.status] ?? -1,
    lat: row.lat,
    lon: row.lon,
    name: row.name,
    temp_C: row.temp_C,
    precip_mm: row.precip_mm,
    wind_mps: row.wind_mps,
    occ_ratio: bikes === null || capacity === null || capacity === 0 ? null : bikes / capacity,
    is_penury: bikes !== null && bikes <= 2 ? 1 : 0,
    is_saturation: bikes !== null && capacity !== null && capacity - bikes <= 2 ? 1 : 0,
    h: new Date(bin).getUTCHours(),
    min: new Date(bin).getUTCMinutes(),
    ts_utc: row.ts_utc,
    docks: row.docks,
    level: levelOf(row),
  }
}

test('a day of events has every column by its rule, sorted by bin and station', async () => {
  const { platform } = await openTown()
  await putDay(platform.objects)
  await compactDaily({ platform, system, day: DAY })
  const { rows, types } = await eventsOf(platform.objects, eventsPath(system, DAY))
  const expected = lastOfEach(parts().flat(), DAY)
    .map(eventOf)
    .sort((a, b) => Number(a.tbin_utc) - Number(b.tbin_utc))
  expect(rows).toEqual(expected)
  expect(types).toEqual(
    [
      'tbin_utc TIMESTAMP, station_id VARCHAR, bikes BIGINT, capacity BIGINT, mechanical BIGINT, ebike BIGINT',
      'status VARCHAR, status_code BIGINT, lat DOUBLE, lon DOUBLE, name VARCHAR, temp_C FLOAT, precip_mm FLOAT',
      'wind_mps FLOAT, occ_ratio DOUBLE, is_penury TINYINT, is_saturation TINYINT, h TINYINT, min TINYINT',
      'ts_utc TIMESTAMP, docks BIGINT, level VARCHAR',
    ].flatMap((line) => line.split(', ')),
  )
})

test('an export is written once for the same day, and anew for other thresholds', async () => {
  const { platform } = await openTown()
  await putDay(platform.objects)
  await compactDaily({ platform, system, day: DAY })
  const before = await fingerprint(platform.objects)
  expect(await exportEvents({ platform, system, day: DAY })).toMatchObject({ outcome: 'unchanged' })
  expect(await fingerprint(platform.objects)).toEqual(before)
  const thresholds = { penury: 9, saturation: 0 }
  expect(await exportEvents({ platform, system, day: DAY, thresholds })).toMatchObject({ outcome: 'written' })
  expect(await exportEvents({ platform, system, day: DAY })).toMatchObject({ outcome: 'written' })
  expect(await fingerprint(platform.objects)).toEqual(before)
})

test('a day without a daily has no events', async () => {
  const { platform } = await openTown()
  expect(await exportEvents({ platform, system, day: DAY })).toMatchObject({ outcome: 'nothing' })
  expect(await exportRollingEvents({ platform, system })).toMatchObject({ outcome: 'nothing' })
})

test('the rolling export is its days one after the other, follows their changes, and lets old days go', async () => {
  const { platform } = await openTown()
  const { objects } = platform
  const days = [0, 1, 2].map((index) => MIDNIGHT + index * DAY_MS)
  for (const midnight of days) {
    await putDay(objects, midnight)
    await compactDaily({ platform, system, day: dayName(midnight) })
  }
  const rolling = () => exportRollingEvents({ platform, system, rollingDays: 2 })
  expect(await rolling()).toMatchObject({ outcome: 'written', days: ['2024-11-06', '2024-11-07'], rows: 48 })
  expect(await rolling()).toMatchObject({ outcome: 'unchanged' })
  const whole = await eventsOf(objects, rollingEventsPath(system))
  const dated = await Promise.all(
    ['2024-11-06', '2024-11-07'].map((day) => eventsOf(objects, eventsPath(system, day))),
  )
  expect(whole.rows).toEqual(dated.flatMap(({ rows }) => rows))
  expect(whole.types).toEqual(dated[0]!.types)
  const late = pollOf({ ts: days[1]! + 30 * MINUTE }).observations
  await objects.put(
    bronzePath({ system, bin: floorBin(late[0]!.ts_utc), content: 'a'.repeat(12) }),
    encodeBronze({ rows: late }),
  )
  await compactDaily({ platform, system, day: '2024-11-06' })
  expect(await rolling()).toMatchObject({ outcome: 'written', rows: 52 })
})
