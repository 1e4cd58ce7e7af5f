import type { Forecast } from '../../domain/forecast.ts'
import type { Source } from '../../domain/poll.ts'

/** A station as look-ups serve it: who and where it is, how it is now, and its forecasts. */
export interface LookUp {
  forecast: Forecast | null
  system: string
  station_id: string
  name: string | null
  lat: number | null
  lon: number | null
  capacity: number | null
  bikes: number | null
  docks: number | null
  mechanical: number
  ebike: number
  in_service: boolean
  /** Event time of the values, epoch ms. */
  ts_utc: number
  tbin_utc: number
}

/** State of a whole system's look-ups. */
export interface SystemLookUp {
  system: string
  source: Source
  poll_id: string
  outcome: string
  tbin_utc: number
  ts_utc: number
  fetched_utc: number
  stations: number
  stale: boolean
  /** True when the data is too old to forecast from: there are stations, but no forecasts. */
  withheld: boolean
  horizons: number[]
  model_versions: Record<string, string>
  /** Grows with every publish: a reader that polls sees by it that something is new. */
  sequence: number
}

/** Documented public look-ups (docs/contracts.md): a Redis hash a station, readable with HGETALL, with a TTL. */
export interface LookUpStore {
  /**
   * Publishes one poll's look-ups, unless newer ones (tbin_utc, fetched_utc) are there: then nothing changes and
   * false is given. Stations absent from `rows` keep what they have until their TTL ends.
   */
  publish(options: {
    system: Omit<SystemLookUp, 'sequence'>
    rows: LookUp[]
    ttlSeconds: number
  }): Promise<boolean>
  systems(): Promise<SystemLookUp[]>
  system(system: string): Promise<SystemLookUp | null>
  station(system: string, stationId: string): Promise<LookUp | null>
  /** Every station of a system, sorted by id. */
  stations(system: string): Promise<LookUp[]>
  close(): Promise<void>
}
