import { type ActiveFault, befalls, breakStation } from './faults.ts'
import type { CityLayout } from './layout.ts'
import type { CitySnapshot, StationSnapshot } from './snapshot.ts'

export const GBFS_VERSIONS = ['1.1', '2.3', '3.0'] as const
export type GbfsVersion = (typeof GBFS_VERSIONS)[number]

/** Seconds between two publications of the feed, by its own time. */
export const TTL_SECONDS = 60

/** A GBFS file: JSON to be. */
export type FeedBody = Record<string, unknown>

const FEED_NAMES = ['system_information', 'vehicle_types', 'station_information', 'station_status'] as const

/** Epoch seconds, or RFC 3339 text since 3.0. */
function timeOf(version: GbfsVersion, utc: number): number | string {
  return version === '3.0' ? new Date(utc).toISOString().replace('.000', '') : Math.floor(utc / 1000)
}

function envelope({
  version,
  published,
  data,
  ttlSeconds = TTL_SECONDS,
}: {
  version: GbfsVersion
  published: number
  data: unknown
  ttlSeconds?: number
}): FeedBody {
  return { last_updated: timeOf(version, published), ttl: ttlSeconds, version, simulated: true, data }
}

/** Localized since 3.0. */
function words(version: GbfsVersion, text: string): unknown {
  return version === '3.0' ? [{ text, language: 'en' }] : text
}

export function discoveryFile({
  version,
  published,
  address,
}: {
  version: GbfsVersion
  published: number
  address: string
}): FeedBody {
  const names = FEED_NAMES.filter((name) => version !== '1.1' || name !== 'vehicle_types')
  const feeds = names.map((name) => ({ name, url: `${address}/${name}.json` }))
  return envelope({ version, published, data: version === '3.0' ? { feeds } : { en: { feeds } } })
}

/** Says that nothing of it is real. */
export function systemInformationFile({
  version,
  published,
  timezone,
  seed,
}: {
  version: GbfsVersion
  published: number
  timezone: string
  seed: number
}): FeedBody {
  const name = 'SIMULATED city'
  return envelope({
    version,
    published,
    data: {
      system_id: `velocast_simulated_${seed}`,
      ...(version === '3.0' ? { languages: ['en'] } : { language: 'en' }),
      name: words(version, name),
      short_name: words(version, 'SIMULATED'),
      operator: words(version, 'Velocast simulator: no such bikes exist'),
      timezone,
      ...(version === '3.0' ? { opening_hours: '24/7', feed_contact_email: 'simulated@example.org' } : {}),
      simulated: true,
    },
  })
}

export function vehicleTypesFile({
  version,
  published,
}: {
  version: GbfsVersion
  published: number
}): FeedBody {
  return envelope({
    version,
    published,
    data: {
      vehicle_types: [
        { vehicle_type_id: 'mechanical', form_factor: 'bicycle', propulsion_type: 'human' },
        {
          vehicle_type_id: 'ebike',
          form_factor: 'bicycle',
          propulsion_type: 'electric_assist',
          max_range_meters: 50_000,
        },
      ],
    },
  })
}

export function stationInformationFile({
  version,
  published,
  layout,
}: {
  version: GbfsVersion
  published: number
  layout: CityLayout
}): FeedBody {
  const stations = layout.stations.map(({ station_id, name, lat, lon, capacity }) => ({
    station_id,
    name: words(version, name),
    lat,
    lon,
    capacity,
  }))
  return envelope({ version, published, data: { stations } })
}

/** `station_status` of a snapshot, with the faults that lie within an answer. `ttlSeconds` are its reader's. */
export function stationStatusFile({
  version,
  snapshot,
  faults = [],
  ttlSeconds = TTL_SECONDS,
}: {
  version: GbfsVersion
  snapshot: CitySnapshot
  faults?: readonly ActiveFault[]
  ttlSeconds?: number
}): FeedBody {
  const malformed = faults.find(({ kind }) => kind === 'malformed')
  const repeated = faults.find(({ kind }) => kind === 'duplicate_stations')
  const stations: unknown[] = []
  snapshot.stations.forEach((station, index) => {
    const written = writeStation(version, station)
    const broken = malformed !== undefined && befalls(malformed, station, index)
    stations.push(broken ? breakStation(written, index) : written)
    if (repeated !== undefined && befalls(repeated, station, index)) stations.push(written)
  })
  return envelope({ version, published: snapshot.published_utc, data: { stations }, ttlSeconds })
}

function writeStation(version: GbfsVersion, station: StationSnapshot): Record<string, unknown> {
  const { station_id, mechanical, ebike, docks, bikes_disabled, docks_disabled, open } = station
  const bikes = mechanical + ebike
  const flag = (value: boolean): unknown => (version === '1.1' ? Number(value) : value)
  const types = [
    { vehicle_type_id: 'mechanical', count: mechanical },
    { vehicle_type_id: 'ebike', count: ebike },
  ]
  const counts =
    version === '3.0'
      ? {
          num_vehicles_available: bikes,
          num_vehicles_disabled: bikes_disabled,
          vehicle_types_available: types,
        }
      : { num_bikes_available: bikes, num_bikes_disabled: bikes_disabled }
  return {
    station_id,
    ...counts,
    ...(version === '1.1' ? { num_ebikes_available: ebike } : {}),
    ...(version === '2.3' ? { vehicle_types_available: types } : {}),
    num_docks_available: docks,
    num_docks_disabled: docks_disabled,
    is_installed: flag(true),
    is_renting: flag(open),
    is_returning: flag(open),
    last_reported: timeOf(version, station.last_reported),
  }
}
