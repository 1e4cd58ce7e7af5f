import type { Calibration } from './calibration.ts'
import type { PackEncoders } from './encoders-file.ts'
import { NEIGHBOURS, type Neighbourhood, neighbourhoodAmong } from './neighbours.ts'
import type { PersistenceGuard } from './persistence-guard.ts'
import type { Profile } from './profile.ts'
import type { StationPlace } from './station-place.ts'

/** Encoders and guard of the pack's stations, in its order, followed by stations that it does not know. */
export interface ServedStations {
  encoders: PackEncoders
  calibration: Calibration
  placeOf: ReadonlyMap<string, number>
}

/**
 * What a pack says of the stations there are now. Those that it does not know (new since the training) follow its own,
 * in the given order: neighbours are the nearest of the pack's stations; the profile is what `buildProfile` would give for
 * a station without a row of its own, the area's, taken as the mean of the neighbours' areas; the usual bikes are unknown.
 * The guard puts them in the neighbours' median activity class, and lets their median move where most neighbours' may. Without a place the neighbours are all stations. The pack's
 * own stations keep what training froze, also when they have moved. Copies the pack's arrays once unless none is new.
 */
export function servedStations({
  encoders,
  calibration,
  unknown,
}: {
  encoders: PackEncoders
  calibration: Calibration
  unknown: readonly StationPlace[]
}): ServedStations {
  const places = [...encoders.places, ...unknown]
  const placeOf = new Map(places.map(({ id }, place) => [id, place]))
  if (unknown.length === 0) return { encoders, calibration, placeOf }
  const added = neighbourhoodAmong(unknown, encoders.places)
  const areas = unknown.map((_, row) => areaOf(added.nearest, row, encoders.places.length))
  return {
    encoders: {
      places,
      neighbourhood: joinNeighbourhoods(encoders.neighbourhood, added),
      profile: extendProfile(encoders.profile, areas, encoders.places.length),
    },
    calibration: { ...calibration, guard: extendGuard(calibration.guard, areas) },
    placeOf,
  }
}

/** Known stations that speak for an unknown one. */
function areaOf(nearest: Int32Array, row: number, known: number): number[] {
  const near = [...nearest.subarray(row * NEIGHBOURS, (row + 1) * NEIGHBOURS)].filter((place) => place >= 0)
  return near.length > 0 ? near : Array.from({ length: known }, (_, place) => place)
}

function joinNeighbourhoods(own: Neighbourhood, added: Neighbourhood): Neighbourhood {
  const nearest = new Int32Array(own.nearest.length + added.nearest.length)
  nearest.set(own.nearest)
  nearest.set(added.nearest, own.nearest.length)
  return {
    nearest,
    meanKm: joined(own.meanKm, added.meanKm),
    centreKm: joined(own.centreKm, added.centreKm),
  }
}

function extendProfile(profile: Profile, areas: readonly number[][], known: number): Profile {
  const slots = profile.areaChange.length / Math.max(1, known)
  const week = profile.weekChange.length / Math.max(1, known)
  const areaChange = means(profile.areaChange, areas, slots)
  return {
    areaChange: joined(profile.areaChange, areaChange),
    stationChange: joined(profile.stationChange, areaChange),
    stationMoves: joined(profile.stationMoves, means(profile.stationMoves, areas, slots)),
    stationLevel: joined(profile.stationLevel, new Float32Array(areas.length * slots).fill(Number.NaN)),
    weekChange: joined(profile.weekChange, means(profile.weekChange, areas, week)),
  }
}

/** `width` means for each area: of the same place in each of its stations. */
function means(values: Float32Array, areas: readonly number[][], width: number): Float32Array {
  const all = new Float32Array(areas.length * width)
  areas.forEach((stations, row) => {
    for (let slot = 0; slot < width; slot += 1) {
      let sum = 0
      for (const station of stations) sum += values[station * width + slot]!
      all[row * width + slot] = stations.length === 0 ? Number.NaN : sum / stations.length
    }
  })
  return all
}

function extendGuard(guard: PersistenceGuard, areas: readonly number[][]): PersistenceGuard {
  const classes = areas.map((stations) => {
    const sorted = stations.map((station) => guard.classes[station]!).sort((a, b) => a - b)
    return sorted[sorted.length >> 1] ?? 0
  })
  return {
    ...guard,
    classes: [...guard.classes, ...classes],
    stationAllowed: [...guard.stationAllowed, ...areas.map((stations) => majority(guard, stations))],
  }
}

/** 1 where the median may move at more than half of the stations. */
function majority({ stationAllowed }: PersistenceGuard, stations: readonly number[]): number {
  const allowed = stations.filter((station) => stationAllowed[station] === 1).length
  return 2 * allowed > stations.length ? 1 : 0
}

function joined(one: Float32Array, other: Float32Array): Float32Array {
  const all = new Float32Array(one.length + other.length)
  all.set(one)
  all.set(other, one.length)
  return all
}
