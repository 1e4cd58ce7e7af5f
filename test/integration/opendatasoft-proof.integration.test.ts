import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordCity } from '../../services/ingest/simulator/record.ts'
import { dailyDays, dailyRows } from '../proof/daily-rows.ts'
import { type ExportPoll, type ExportRow, expectedExportRows } from '../proof/opendatasoft-rows.ts'
import { startVelocast } from '../proof/velocast.ts'
import { recordedData } from '../recorded-data.ts'

const HOUR_MS = 3_600_000
const data = recordedData()
let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-opendatasoft-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Files as `velib_20241105T0755Z.json.gz`: named by their fetch time in UTC. */
function read(from: string): ExportPoll[] {
  return readdirSync(from)
    .sort()
    .map((name) => {
      const [, date, hour, minute] = /_(\d{8})T(\d{2})(\d{2})Z/.exec(name)!
      const day = `${date!.slice(0, 4)}-${date!.slice(4, 6)}-${date!.slice(6)}`
      return {
        body: gunzipSync(readFileSync(join(from, name))),
        fetched: Date.parse(`${day}T${hour}:${minute}:00Z`),
      }
    })
}

/** From the afternoon of the 5th to the morning of the 6th, which closes the day. */
function recordedEvening(): string {
  const recorded = join(data ?? '', 'velib-2024-11', 'raw')
  const from = join(directory, 'recorded')
  mkdirSync(from)
  for (const name of readdirSync(recorded)) {
    if (name > 'velib_20241105T17' && name < 'velib_20241106T0700') {
      copyFileSync(join(recorded, name), join(from, name))
    }
  }
  return from
}

interface GbfsStation {
  station_id: string
  num_bikes_available: number
  num_docks_available: number
  num_ebikes_available?: number
  last_reported?: number
}

/**
 * A seeded city of 60 stations over a day and some, every five minutes, as the export would say it: with closed
 * stations, unknown capacity, place and report time, rows without a code or a count, a code that comes twice, a file
 * that repeats the one before, and three that are missing.
 */
function seeded(): string {
  const from = join(directory, 'seeded')
  mkdirSync(from)
  const start = Date.UTC(2026, 2, 10, 23)
  let before = ''
  let place = 0
  for (const poll of recordCity({
    seed: 5,
    stations: 60,
    start,
    end: start + 26 * HOUR_MS,
    pollSeconds: 300,
  })) {
    const number = place
    place += 1
    if (number % 100 === 50) continue
    const { stations } = (poll.status as unknown as { data: { stations: GbfsStation[] } }).data
    const rows = stations.map((station, index) => exported(station, index, number))
    rows.push({ name: 'nowhere', numbikesavailable: 3 }, { stationcode: 'uncounted', name: 'Uncounted' })
    const text = number % 70 === 30 ? before : JSON.stringify(rows)
    before = text
    const stamp = new Date(start + number * 300_000).toISOString().replaceAll(/[-:]/g, '').slice(0, 13)
    writeFileSync(join(from, `velib_${stamp}Z.json.gz`), gzipSync(text))
  }
  return from
}

function exported(station: GbfsStation, index: number, poll: number): ExportRow {
  const closed = (index + poll) % 37 === 0
  const ebike = station.num_ebikes_available ?? 0
  return {
    stationcode: station.station_id,
    name: index % 11 === 0 ? null : `Station « ${station.station_id} » à l'été`,
    is_installed: index % 29 === 0 ? 'NON' : 'OUI',
    capacity: index % 13 === 0 ? null : station.num_bikes_available + station.num_docks_available,
    numdocksavailable: station.num_docks_available,
    numbikesavailable: station.num_bikes_available,
    mechanical: station.num_bikes_available - ebike,
    ebike,
    is_renting: closed ? 'NON' : 'OUI',
    is_returning: closed && index % 2 === 0 ? 'NON' : 'OUI',
    duedate: index % 17 === 0 ? null : '2026-03-11T00:15:09+01:00',
    coordonnees_geo: index % 19 === 0 ? null : { lon: 2.3 + index / 1000, lat: 48.8 + index / 1000 },
  }
}

describe.each<[string, () => string, string, number, boolean]>([
  ['a seeded export', seeded, '2026-03-11', 15_000, true],
  [
    'the recorded export of Vélib’, the evening of 5 November 2024',
    recordedEvening,
    '2024-11-05',
    25_000,
    data !== null,
  ],
])('replaying %s', (_name, open, day, least, present) => {
  test.skipIf(!present)(
    'gives daily Parquet equal to a computation straight from the JSON (skipped without recorded data)',
    async () => {
      const from = open()
      const target = mkdtempSync(join(directory, 'out-'))
      const { code, stderr } = await startVelocast(
        [
          ...['up', '--source', 'replay', '--from', from, '--system', 'velib', '--timezone', 'Europe/Paris'],
          ...['--speed', 'max', '--until-exhausted', '--data', target, '--port', '0'],
        ],
        { VELOCAST_LOGGING_LEVEL: 'error' },
      ).ended
      expect([code, stderr]).toEqual([0, ''])
      const daily = join(target, 'store', 'velib', 'daily')
      const days = dailyDays(daily)
      expect(days.at(-1)).toBe(day)
      const expected = expectedExportRows(read(from)).filter((row) =>
        days.includes(new Date(Number(row[1])).toISOString().slice(0, 10)),
      )
      expect(expected.length).toBeGreaterThan(least)
      const actual = await dailyRows(daily)
      const other = expected.findIndex((row, at) => JSON.stringify(row) !== JSON.stringify(actual[at]))
      expect(actual[other]).toEqual(expected[other])
      expect(actual.length).toBe(expected.length)
    },
    300_000,
  )
})
