import type { CompactRow, CompactState } from '../live/compact-state.ts'
import type { Fill } from './levels.ts'

/** A station as the page shows it. */
export interface Station {
  id: string
  name: string
  lat: number | null
  lon: number | null
  capacity: number | null
  bikes: number | null
  docks: number | null
  mechanical: number
  ebike: number
  inService: boolean
  /** Seconds that its values are older than the newest poll's. */
  behindS: number
  stale: boolean
  forecasts: Map<number, { bikes: number | null; docks: number | null }>
}

/** A system and its stations as of the newest update. */
export interface City {
  update: Omit<CompactState, 'rows' | 'removed' | 'full'>
  horizons: number[]
  stations: Map<string, Station>
  /** Stations whose row came with the newest update; empty after a whole state. */
  changed: Set<string>
}

/** The city after an update: a whole state replaces it, anything else changes the stations that it names. */
export function applyUpdate({ before, update }: { before: City | null; update: CompactState }): City {
  const { rows, removed, full, ...rest } = update
  const horizons = update.state?.horizons ?? []
  const stations = full || before === null ? new Map<string, Station>() : new Map(before.stations)
  const changed = new Set<string>()
  for (const row of rows) {
    const station = readStation({ row, columns: update.columns, horizons })
    if (!full) changed.add(station.id)
    stations.set(station.id, station)
  }
  for (const id of removed) stations.delete(id)
  return { update: rest, horizons, stations, changed }
}

function readStation({
  row,
  columns,
  horizons,
}: {
  row: CompactRow
  columns: string[]
  horizons: number[]
}): Station {
  const value = (column: string): string | number | null => row[columns.indexOf(column)] ?? null
  const number = (column: string): number | null => {
    const found = value(column)
    return typeof found === 'number' ? found : null
  }
  const id = String(value('station_id'))
  return {
    id,
    name: String(value('name') ?? id),
    lat: number('lat'),
    lon: number('lon'),
    capacity: number('capacity'),
    bikes: number('bikes'),
    docks: number('docks'),
    mechanical: number('mechanical') ?? 0,
    ebike: number('ebike') ?? 0,
    inService: value('in_service') === 1,
    behindS: number('behind_s') ?? 0,
    stale: value('stale') === 1,
    forecasts: new Map(
      horizons.map((horizon) => [
        horizon,
        { bikes: number(`bikes_${horizon}`), docks: number(`docks_${horizon}`) },
      ]),
    ),
  }
}

/** What the page shows: 0 is now, else minutes ahead. */
export type Shown = number

/** A station's fill at the shown time; nothing where there is no forecast. */
export function fillAt(station: Station, shown: Shown): Fill {
  const { capacity, inService } = station
  if (shown === 0) return { bikes: station.bikes, docks: station.docks, capacity, inService }
  const forecast = station.forecasts.get(shown)
  const bikes = forecast?.bikes ?? null
  const docks = forecast?.docks ?? null
  return { bikes, docks, capacity, inService }
}

/** Bikes that a station is expected to gain (or lose, below 0) by a horizon; null without a forecast. */
export function expectedChange(station: Station, horizon: number): number | null {
  const bikes = station.forecasts.get(horizon)?.bikes ?? null
  return bikes === null || station.bikes === null ? null : bikes - station.bikes
}

/** How far the data can be trusted at `now` (epoch ms). A replay's data is as old as its recording: never stale by age. */
export function freshness({ city, now }: { city: City; now: number }): {
  /** Seconds since the data's event time. */
  ageS: number
  stale: boolean
  /** Forecasts must not be shown. */
  withheld: boolean
} {
  const { state, stale_after_s, withhold_after_s } = city.update
  if (state === null) return { ageS: 0, stale: false, withheld: false }
  // The poll's own time counts where it is ahead: a city that is simulated faster has a clock of its own.
  const ageS = Math.max(0, (Math.max(now, state.fetched_utc) - state.ts_utc) / 1000)
  const aged = (limit: number): boolean => state.source !== 'replay' && ageS >= limit
  return {
    ageS,
    stale: state.stale || state.withheld || aged(stale_after_s),
    withheld: state.withheld || aged(withhold_after_s),
  }
}

/** The same city without forecasts. */
export function withoutForecasts(city: City): City {
  const stations = new Map<string, Station>()
  for (const [id, station] of city.stations) stations.set(id, { ...station, forecasts: new Map() })
  return { ...city, stations }
}

export interface Totals {
  stations: number
  inService: number
  bikes: number
  mechanical: number
  ebike: number
  docks: number
  empty: number
  full: number
  /** Sum of the forecasts by horizon; null where no station has one. */
  expected: Map<number, number | null>
}

export function totals(city: City): Totals {
  const sums: Totals = {
    stations: city.stations.size,
    inService: 0,
    bikes: 0,
    mechanical: 0,
    ebike: 0,
    docks: 0,
    empty: 0,
    full: 0,
    expected: new Map(city.horizons.map((horizon) => [horizon, null])),
  }
  for (const station of city.stations.values()) {
    sums.bikes += station.bikes ?? 0
    sums.mechanical += station.mechanical
    sums.ebike += station.ebike
    sums.docks += station.docks ?? 0
    for (const [horizon, { bikes }] of station.forecasts) {
      if (bikes !== null) sums.expected.set(horizon, (sums.expected.get(horizon) ?? 0) + bikes)
    }
    if (!station.inService) continue
    sums.inService += 1
    if (station.bikes === 0) sums.empty += 1
    if (station.docks === 0) sums.full += 1
  }
  return sums
}
