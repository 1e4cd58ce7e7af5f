import { z } from 'zod'
import { MINUTE_MS } from './calendar.ts'
import { hashUniform } from './random.ts'
import type { CitySnapshot, StationSnapshot } from './snapshot.ts'

/**
 * What can be made to go wrong. Of a whole answer: `stale` (published stands still), `frozen` (published goes on,
 * counts stand), `late` (the answer is `minutes` old), `duplicate_poll` (the answer of the poll before), `missing`
 * (no answer), `error` (status 500). Within an answer: `malformed` and `duplicate_stations`, `flat` (stations whose
 * counts stand still), `occupancy_shift` (bikes times `factor`).
 */
const FAULT_KINDS = [
  'stale',
  'frozen',
  'late',
  'duplicate_poll',
  'missing',
  'error',
  'malformed',
  'duplicate_stations',
  'flat',
  'occupancy_shift',
] as const

const faultSchema = z.strictObject({
  kind: z.enum(FAULT_KINDS),
  /** Simulated times, epoch ms; from the injection on, and for ever, when absent. */
  from: z.number().optional(),
  until: z.number().optional(),
  /** Share of the polls that it befalls, drawn by the seed. */
  share: z.number().min(0).max(1).default(1),
  /** Ids of the stations that it befalls, or how many (the first ones). */
  stations: z.union([z.number().int().min(1), z.array(z.string())]).default(1),
  factor: z.number().positive().default(1.3),
  minutes: z.number().int().min(1).max(1440).default(10),
})

export type Fault = z.input<typeof faultSchema>
export type ActiveFault = z.output<typeof faultSchema> & { from: number }

/** A fault with its defaults, beginning with the minute that holds `now` unless it says when. Throws ZodError. */
export function activeFault(fault: Fault, now: number): ActiveFault {
  const parsed = faultSchema.parse(fault)
  return { ...parsed, from: parsed.from ?? Math.floor(now / MINUTE_MS) * MINUTE_MS }
}

/** The faults that befall the poll at `time`. */
export function faultsAt({
  faults,
  seed,
  time,
}: {
  faults: readonly ActiveFault[]
  seed: number
  time: number
}): ActiveFault[] {
  return faults.filter(
    ({ kind, from, until = Number.POSITIVE_INFINITY, share }) =>
      time >= from &&
      time < until &&
      (share >= 1 || hashUniform(seed, 31, FAULT_KINDS.indexOf(kind), time) < share),
  )
}

/** Whether `fault` befalls the station at `index`. */
export function befalls(fault: ActiveFault, station: { station_id: string }, index: number): boolean {
  return typeof fault.stations === 'number'
    ? index < fault.stations
    : fault.stations.includes(station.station_id)
}

/** Bikes times `factor`, no more than there are docks for: kinds in proportion, docks less by what was added. */
export function shiftOccupancy(snapshot: CitySnapshot, factor: number): CitySnapshot {
  return { ...snapshot, stations: snapshot.stations.map((station) => shifted(station, factor)) }
}

function shifted(station: StationSnapshot, factor: number): StationSnapshot {
  const bikes = station.mechanical + station.ebike
  const wanted = Math.min(bikes + station.docks, Math.round(bikes * factor))
  const ebike = bikes === 0 ? 0 : Math.round((wanted * station.ebike) / bikes)
  return { ...station, ebike, mechanical: wanted - ebike, docks: station.docks + bikes - wanted }
}

const BREAKAGES: ((station: Record<string, unknown>) => unknown)[] = [
  (station) => ({ ...station, num_bikes_available: -3, num_vehicles_available: -3 }),
  (station) => ({ ...station, num_docks_available: 'many' }),
  ({ station_id: _, ...rest }) => rest,
  () => null,
  (station) => ({ ...station, is_renting: 'perhaps' }),
]

/** A station of an answer as a broken feed would give it; by index one of five ways, each refused for its own reason. */
export function breakStation(station: Record<string, unknown>, index: number): unknown {
  return BREAKAGES[index % BREAKAGES.length]!(station)
}
