/** What a system says of a station apart from its state. Record `StationInformation`, key system/station. */
export interface StationInformation {
  system: string
  station_id: string
  name: string | null
  /** Degrees, WGS 84. */
  lat: number | null
  lon: number | null
  /** Docks; null when unknown, never guessed. */
  capacity: number | null
  region_id: string | null
  /** When this was first seen, epoch ms. */
  seen_utc: number
}

/** Record key of everything that belongs to one station. */
export function stationKey(system: string, stationId: string): string {
  return `${system}/${stationId}`
}
