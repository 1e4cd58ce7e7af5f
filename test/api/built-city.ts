import type { HorizonForecast } from '../../services/domain/forecast.ts'
import type { LookUp, SystemLookUp } from '../../services/platform/look-up-store/port.ts'

export const CITY = 'river-city'
/** 2025-12-16T18:00:00Z. */
export const BIN = 1_765_908_000_000
const MINUTE = 60_000

/** One publish of a city, as `LookUpStore.publish` takes it. */
export interface Publish {
  system: Omit<SystemLookUp, 'sequence'>
  rows: LookUp[]
  ttlSeconds: number
}

/** Even numbers in [0, 1) from a seed (mulberry32). */
function sequenceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const STREETS =
  'Châtelet,Rivoli,Bastille,Harbour,Museum,Station,Market,Garden,Bridge,Opéra,Arsenal,Abbesses,Mill'.split(
    ',',
  )
const CORNERS =
  'Nord,Sud,Est,Ouest,Rue du Temple,Quai,Avenue de la République,Town Hall,Library,Park,Gate'.split(',')

/** No two of the first 143 stations share a name. */
function nameOf(index: number): string {
  const round = Math.floor(index / (STREETS.length * CORNERS.length))
  const name = `${STREETS[index % STREETS.length]} – ${CORNERS[index % CORNERS.length]}`
  return round === 0 ? name : `${name} ${round + 1}`
}

/** A city of `stations` around a centre, denser inside: some empty, some full, two closed, one without a place. */
export function buildCity({
  system = CITY,
  stations = 300,
  ts = BIN,
  horizons = [15, 60],
  source = 'simulate',
  stale = false,
  withheld = false,
  seed = 7,
}: {
  system?: string
  stations?: number
  ts?: number
  horizons?: number[]
  source?: SystemLookUp['source']
  stale?: boolean
  withheld?: boolean
  seed?: number
} = {}): Publish {
  const random = sequenceOf(seed)
  const tbin = Math.floor(ts / (5 * MINUTE)) * 5 * MINUTE
  const pollId = `${system}-${ts}`
  const rows = Array.from({ length: stations }, (_, index): LookUp => {
    const capacity = 12 + Math.floor(random() * 34)
    const mood = random()
    const bikes = mood < 0.07 ? 0 : mood > 0.96 ? capacity : Math.round(capacity * random())
    const angle = random() * Math.PI * 2
    const reach = random() ** 0.75
    const ebike = Math.floor(bikes * 0.4)
    const ahead = horizons.map((horizon): HorizonForecast => {
      const drift = Math.round((random() - 0.5) * (horizon / 6))
      const expected = Math.min(capacity, Math.max(0, bikes + drift))
      return {
        horizon_min: horizon,
        target_utc: tbin + horizon * MINUTE,
        bikes_mean: expected,
        bikes_median: expected,
        docks_mean: capacity - expected,
        docks_median: capacity - expected,
        bikes_q10: null,
        bikes_q50: null,
        bikes_q90: null,
        p_bike: null,
        p_dock: null,
        model_version: '1.0.0',
      }
    })
    const station_id = String(1000 + index)
    const placed = index !== 5
    return {
      system,
      station_id,
      name: nameOf(index),
      lat: placed ? 48.8566 + Math.sin(angle) * reach * 0.048 : null,
      lon: placed ? 2.3522 + Math.cos(angle) * reach * 0.1 : null,
      capacity,
      bikes,
      docks: capacity - bikes,
      mechanical: bikes - ebike,
      ebike,
      in_service: index % 150 !== 9,
      ts_utc: ts,
      tbin_utc: tbin,
      forecast: withheld
        ? null
        : {
            system,
            station_id,
            poll_id: pollId,
            tbin_utc: tbin,
            ts_utc: ts,
            predicted_utc: ts + 4000,
            valid_until: ts + 120 * MINUTE,
            stale,
            bikes,
            docks: capacity - bikes,
            capacity,
            horizons: ahead,
          },
    }
  })
  return {
    system: {
      system,
      source,
      poll_id: pollId,
      outcome: 'ok',
      tbin_utc: tbin,
      ts_utc: ts,
      fetched_utc: ts + 4000,
      stations,
      stale,
      withheld,
      horizons,
      model_versions: Object.fromEntries(horizons.map((horizon) => [String(horizon), 'persistence-1.0.0'])),
    },
    rows,
    ttlSeconds: 7200,
  }
}
