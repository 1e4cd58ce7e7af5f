import type { StationDescription } from '../domain/gbfs/information.ts'

/**
 * The last information of a system, and what of it was published: tells which stations changed.
 * Holds one description a station ever seen (about 300 bytes).
 */
export class InformationRegister {
  #current: ReadonlyMap<string, StationDescription> = new Map()
  readonly #published = new Map<string, string>()

  /** Descriptions by station id, as the last information gave them. */
  get current(): ReadonlyMap<string, StationDescription> {
    return this.#current
  }

  /** Takes over what an earlier process had published. */
  resume(stations: readonly StationDescription[]): void {
    this.replace(stations)
    this.confirm(stations)
  }

  /** An information file: it replaces all that was known. */
  replace(stations: readonly StationDescription[]): void {
    this.#current = new Map(stations.map((station) => [station.station_id, station]))
  }

  /** Descriptions that came with a poll's rows: what they leave out stays as it was known. */
  merge(stations: readonly StationDescription[]): void {
    const merged = new Map(this.#current)
    for (const station of stations) {
      const known = merged.get(station.station_id)
      merged.set(station.station_id, {
        station_id: station.station_id,
        name: station.name ?? known?.name ?? null,
        lat: station.lat ?? known?.lat ?? null,
        lon: station.lon ?? known?.lon ?? null,
        capacity: station.capacity ?? known?.capacity ?? null,
        region_id: station.region_id ?? known?.region_id ?? null,
      })
    }
    this.#current = merged
  }

  /** Stations of the current information that differ from what was last published of them. */
  changed(): StationDescription[] {
    return [...this.#current.values()].filter(
      (station) => this.#published.get(station.station_id) !== fingerprint(station),
    )
  }

  /** These are durable in the topic. */
  confirm(stations: readonly StationDescription[]): void {
    for (const station of stations) this.#published.set(station.station_id, fingerprint(station))
  }
}

function fingerprint({ name, lat, lon, capacity, region_id }: StationDescription): string {
  return JSON.stringify([name, lat, lon, capacity, region_id])
}
