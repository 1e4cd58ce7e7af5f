import { type Envelope, readEnvelope } from './envelope.ts'
import { isObject, type JsonObject, StationFault } from './fields.ts'

/** What a vehicle type is to us: a bike moved by legs alone, a bike with a motor, or no bike (scooter, moped, car). */
type VehicleKind = 'mechanical' | 'ebike' | 'other'

/** Vehicle type id → kind. */
export type VehicleTypes = ReadonlyMap<string, VehicleKind>

/** Reads `vehicle_types.json` (GBFS 2.1 and later). Types that can't be read are left out. Throws `feed_malformed`. */
export function parseVehicleTypes(json: unknown): {
  types: VehicleTypes
  ttl_s: number | null
} {
  const envelope: Envelope = readEnvelope(json, 'vehicle_types')
  const types = new Map<string, VehicleKind>()
  const listed = envelope.data.vehicle_types
  for (const type of Array.isArray(listed) ? listed : []) {
    if (!isObject(type) || typeof type.vehicle_type_id !== 'string') continue
    const kind = kindOf(type)
    if (kind !== null) types.set(type.vehicle_type_id, kind)
  }
  return { types, ttl_s: envelope.ttl_s }
}

const BIKES = ['bicycle', 'cargo_bicycle']

function kindOf({ form_factor: form, propulsion_type: propulsion }: JsonObject): VehicleKind | null {
  if (typeof form !== 'string' || typeof propulsion !== 'string') return null
  if (!BIKES.includes(form)) return 'other'
  return propulsion === 'human' ? 'mechanical' : 'ebike'
}

/** Bikes of a station by kind; `other` are vehicles that are no bikes. */
export interface BikeSplit {
  mechanical: number
  ebike: number
  other: number
}

/**
 * Splits `vehicle_types_available` ([{vehicle_type_id, count}]) by the types' kinds. Null when the list is absent,
 * or when a type of which the station has some is unknown: a split is given whole or not at all.
 */
export function splitByTypes(value: unknown, types: VehicleTypes): BikeSplit | null {
  if (!Array.isArray(value)) return null
  const split: BikeSplit = { mechanical: 0, ebike: 0, other: 0 }
  for (const entry of value) {
    if (!isObject(entry)) return null
    const { count } = entry
    if (typeof count !== 'number' || !Number.isInteger(count)) {
      throw new StationFault('count_not_whole', `vehicle_types_available count must be whole, got ${count}`)
    }
    if (count < 0) {
      throw new StationFault(
        'count_negative',
        `vehicle_types_available count must not be negative, got ${count}`,
      )
    }
    if (count === 0) continue
    const kind = types.get(String(entry.vehicle_type_id))
    if (kind === undefined) return null
    split[kind] += count
  }
  return split
}
