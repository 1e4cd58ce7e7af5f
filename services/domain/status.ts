import type { StationInformation } from './station.ts'

/** A station's state as every version of GBFS and every other source is normalised to. Times are epoch ms, UTC. */
export interface StationState {
  station_id: string
  bikes: number | null
  docks: number | null
  mechanical: number
  ebike: number
  bikes_disabled: number | null
  docks_disabled: number | null
  is_installed: boolean
  is_renting: boolean
  is_returning: boolean
  status: string
  last_reported: number | null
}

/** Why a station of an answer was not taken; the rest of the answer goes on. */
export const REFUSAL_REASONS = [
  'station_id_missing',
  'station_id_invalid',
  'station_duplicate',
  'station_not_an_object',
  'count_negative',
  'count_not_whole',
  'count_out_of_range',
  'count_missing',
  'flag_invalid',
  'last_reported_invalid',
  'last_reported_far_ahead',
] as const
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

export interface Refusal {
  reason: RefusalReason
  station_id: string | null
  /** Names the field and the offending value. */
  message: string
  /** The station as the feed gave it. */
  raw: unknown
}

/** A status answer, normalised. */
export interface StatusAnswer {
  published_utc: number | null
  ttl_s: number | null
  version: string | null
  /** The feed says of itself that nothing of it is real: a top-level `simulated: true`. */
  simulated?: true
  stations: StationState[]
  refused: Refusal[]
  /** Sources that say both in one file (Opendatasoft) give the information here. */
  information: Omit<StationInformation, 'seen_utc' | 'system'>[] | null
}
