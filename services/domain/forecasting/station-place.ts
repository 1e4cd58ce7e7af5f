/** What a station's features need of it besides its counts. Degrees, WGS 84. */
export interface StationPlace {
  id: string
  lat: number | null
  lon: number | null
  /** Docks by the station table, where the feed gives none of its own. */
  capacity: number | null
}
