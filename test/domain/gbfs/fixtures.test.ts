import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDiscovery } from '../../../services/domain/gbfs/discovery.ts'
import { readJson } from '../../../services/domain/gbfs/envelope.ts'
import { parseInformation } from '../../../services/domain/gbfs/information.ts'
import { parseStatus } from '../../../services/domain/gbfs/status.ts'
import { parseOpenMeteo } from '../../../services/domain/open-meteo.ts'
import { isOpendatasoft, parseOpendatasoft } from '../../../services/domain/opendatasoft.ts'
import { ReadingError } from '../../../services/domain/reading-error.ts'
import { NEEDS_RECORDED, RECORDED, recordedBytes, recordedJson } from './recorded.ts'

/** As ingest would take the file: by its name where a feed has one, else as a status answer. */
function read(path: string): string {
  try {
    const json = readJson(recordedBytes(path))
    if (path.includes('open-meteo')) {
      const { hours } = parseOpenMeteo({ json, system: 's', point: '0,0', issuedUtc: 0 })
      return `${hours.length} hours`
    }
    if (path.endsWith('gbfs.json')) return parseDiscovery(json).status_url
    if (path.includes('station_information')) return count(parseInformation(json))
    return count(isOpendatasoft(json) ? parseOpendatasoft(json) : parseStatus(json))
  } catch (error) {
    if (error instanceof ReadingError) return error.code
    throw error
  }
}

function count({ stations, refused }: { stations: unknown[]; refused: { reason: string }[] }): string {
  const reasons = [...new Set(refused.map(({ reason }) => reason))].join(',')
  return refused.length === 0 ? `${stations.length}` : `${stations.length} and ${refused.length} ${reasons}`
}

const EXPECTED: Record<string, string> = {
  'footfall/bourke_street_mall_north_hourly_2015_2016.csv.gz': 'feed_malformed',
  'footfall/melbourne_pedestrian_daily_2015_2016.csv': 'feed_malformed',
  'gbfs1-baywheels/station_information.json': '516',
  'gbfs1-baywheels/station_status.json': '516',
  'gbfs1-baywheels/system_alerts.json': 'feed_malformed',
  'gbfs1-baywheels/system_information.json': 'feed_malformed',
  'gbfs2.2-montpellier/station_status.json': '3',
  'gbfs2.3-baywheels-duplicates/station_information.json': '3',
  'gbfs2.3-baywheels-duplicates/station_status.json': '3 and 2 station_duplicate',
  'gbfs2.3-docomo-tokyo/station_information.json': '1077',
  'gbfs2.3-docomo-tokyo/station_status.json': '1077',
  'gbfs3.0-toronto/gbfs.json': 'https://toronto.publicbikesystem.net/customer/gbfs/v3.0/station_status',
  'gbfs3.0-toronto/station_information.json': '2',
  'gbfs3.0-toronto/station_status.json': '2',
  'infoclimat/infoclimat_opendata_20241001_20241007.json': 'feed_malformed',
  'malformed/ecobici_station_status_20240412140435.404-body.json': 'feed_malformed',
  'malformed/velib_ods_20241104_100002_fields_missing.json.gz': '0 and 1471 station_id_missing',
  'open-meteo/current_weather_legacy_paris_20260219.json': 'weather_malformed',
  'open-meteo/error_invalid_timezone.json': 'weather_malformed',
  'open-meteo/forecast_enschede_20261003_current_reduced.json': 'weather_malformed',
  'open-meteo/forecast_paris_20240817_hourly.json': '24 hours',
  'paris-bike-counters/counters_daily.csv.gz': 'feed_malformed',
  'paris-bike-counters/counters_hourly_2020-09_2021-08.parquet': 'feed_malformed',
  'paris-bike-counters/counters_hourly_2021-05.csv.gz': 'feed_malformed',
  'paris-bike-counters/weather_synop_orly_3h.csv.gz': 'feed_malformed',
  'velib/gbfs.json':
    'https://velib-metropole-opendata.smoove.pro/opendata/Velib_Metropole/station_status.json',
  'velib/station_information.20251018.json': '1495',
  'velib/station_status.20251018.json': '1495',
  'wunderground/ILAMAD25_La_Madeleine_FR.xlsx': 'feed_malformed',
}

describe.skipIf(RECORDED === null)(`real answers${NEEDS_RECORDED}`, () => {
  test('every fixture is read, or refused with the right code', () => {
    const root = join(RECORDED ?? '', 'fixtures')
    const files = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .sort()
    expect(Object.fromEntries(files.map((file) => [file, read(join('fixtures', file))]))).toEqual(EXPECTED)
  })

  test('Vélib’: no version, lastUpdatedOther, ttl 3600, ids beyond 2^32 as text, kinds from one-key objects', () => {
    const json = recordedJson('fixtures/velib/station_status.20251018.json')
    const answer = parseStatus(json)
    expect(answer).toMatchObject({ version: '1.x', ttl_s: 3600, published_utc: 1_760_778_556_000 })
    expect(answer.stations[0]).toEqual({
      station_id: '213688169',
      bikes: 5,
      docks: 30,
      mechanical: 1,
      ebike: 4,
      bikes_disabled: null,
      docks_disabled: null,
      is_installed: true,
      is_renting: true,
      is_returning: true,
      status: 'OK',
      last_reported: 1_760_776_294_000,
    })
    expect(answer.stations.some(({ station_id }) => Number(station_id) > 2 ** 32)).toBe(true)
    expect(answer.stations.every(({ station_id }) => /^\d{1,11}$/.test(station_id))).toBe(true)
    const days = answer.stations.filter(
      ({ last_reported }) => answer.published_utc! - last_reported! > 86_400_000,
    )
    expect(days.length).toBeGreaterThan(0)
  })

  test('Docomo: flags that mirror bikes and docks filter nothing, ids keep their zeros', () => {
    const { stations, version } = parseStatus(
      recordedJson('fixtures/gbfs2.3-docomo-tokyo/station_status.json'),
    )
    expect(version).toBe('2.3')
    const empty = stations.filter(({ bikes }) => bikes === 0)
    expect(empty.length).toBeGreaterThan(0)
    expect(empty.every(({ is_renting, status }) => !is_renting && status === 'CLOSED')).toBe(true)
    expect(stations[0]).toMatchObject({ station_id: '00010001', mechanical: 0, ebike: 0, bikes: 1, docks: 6 })
  })

  test('Bay Wheels: its own status words, and key sets that differ per station', () => {
    const { stations } = parseStatus(recordedJson('fixtures/gbfs1-baywheels/station_status.json'))
    expect(new Set(stations.map(({ status }) => status))).toEqual(new Set(['active', 'out_of_service']))
    expect(stations[0]).toMatchObject({ bikes: 16, mechanical: 14, ebike: 2, docks: 11, bikes_disabled: 0 })
    const { data } = recordedJson('fixtures/gbfs1-baywheels/station_status.json') as {
      data: { stations: object[] }
    }
    expect(new Set(data.stations.map((station) => Object.keys(station).length))).toEqual(
      new Set([13, 15, 17]),
    )
  })

  test('Bay Wheels: reports that run backwards, or stand for days, are taken as they are', () => {
    const files = readdirSync(join(RECORDED ?? '', 'baywheels/raw'))
      .sort()
      .slice(0, 40)
    const reported = new Map<string, number>()
    let backwards = 0
    let standing = 0
    let refused = 0
    for (const file of files) {
      const answer = parseStatus(recordedJson(`baywheels/raw/${file}`))
      refused += answer.refused.length
      for (const { station_id, last_reported } of answer.stations) {
        if (answer.published_utc! - last_reported! > 86_400_000) standing++
        if ((reported.get(station_id) ?? 0) > last_reported!) backwards++
        reported.set(station_id, last_reported!)
      }
    }
    expect(refused).toBe(0)
    expect(standing).toBeGreaterThan(0)
    expect(backwards).toBeGreaterThan(0)
  })

  test('Toronto 3.0: RFC 3339 times with milliseconds, vehicles, localized names', () => {
    const answer = parseStatus(recordedJson('fixtures/gbfs3.0-toronto/station_status.json'))
    expect(answer).toMatchObject({
      version: '3.0',
      ttl_s: 2,
      published_utc: Date.UTC(2026, 9, 9, 9, 39, 47),
    })
    expect(answer.stations[0]).toMatchObject({
      station_id: '7000',
      bikes: 42,
      bikes_disabled: 2,
      last_reported: Date.UTC(2026, 9, 9, 9, 38, 28, 628),
    })
    const information = parseInformation(recordedJson('fixtures/gbfs3.0-toronto/station_information.json'))
    expect(information.stations[0]).toMatchObject({ name: 'Fort York  Blvd / Capreol Ct', capacity: 47 })
  })

  test('Vélib’s export: OUI/NON flags, duedate, place and description in one row', () => {
    const answer = parseOpendatasoft(recordedJson('velib-2024-11/raw/velib_20241105T0755Z.json.gz'))
    expect(answer.stations).toHaveLength(1485)
    expect(answer).toMatchObject({ published_utc: null, refused: [] })
    expect(answer.stations[0]).toEqual({
      station_id: '14111',
      bikes: 10,
      docks: 13,
      mechanical: 4,
      ebike: 6,
      bikes_disabled: null,
      docks_disabled: null,
      is_installed: true,
      is_renting: true,
      is_returning: true,
      status: 'OK',
      last_reported: Date.parse('2024-11-05T07:56:58+01:00'),
    })
    expect(answer.information?.[0]).toEqual({
      station_id: '14111',
      name: 'Cassini - Denfert-Rochereau',
      lat: 48.837525839067,
      lon: 2.3360354080796,
      capacity: 25,
      region_id: '75056',
    })
  })
})
