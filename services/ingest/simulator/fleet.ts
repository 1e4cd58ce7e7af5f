import type { CityLayout } from './layout.ts'
import { Random } from './random.ts'

/** Kinds of bike: index of `bikes` and `disabled`. */
export const MECHANICAL = 0
export const EBIKE = 1
export const KINDS = [MECHANICAL, EBIKE] as const

/** Bikes and docks of every station, in layout order. bikes + disabled + docksDisabled <= capacity, all >= 0. */
export interface Fleet {
  /** Rentable bikes by kind. */
  bikes: [Int32Array, Int32Array]
  disabled: [Int32Array, Int32Array]
  docksDisabled: Int32Array
  /** Bikes of each kind in the city, wherever they are: never changes. */
  total: [number, number]
}

/** Share of the docks that hold a bike when all are docked; that of Paris on a weekday. */
const FILL = 0.4
const EBIKE_SHARE = 0.4
/** Mean fill of residential, work, leisure and hub quarters before a working week. */
const QUARTER_FILL = [0.5, 0.26, 0.4, 0.36]

/**
 * The fleet at the start of a week: a function of seed, layout and anchor alone, so that any time can be reached
 * without the weeks before it. Totals by kind are those of every other week.
 */
export function fleetAtAnchor({
  seed,
  layout,
  anchor,
}: {
  seed: number
  layout: CityLayout
  anchor: number
}): Fleet {
  const { stations } = layout
  const count = stations.length
  const random = new Random(seed, 2, anchor)
  const total = fleetTotal(layout)
  const fleet: Fleet = {
    bikes: [new Int32Array(count), new Int32Array(count)],
    disabled: [new Int32Array(count), new Int32Array(count)],
    docksDisabled: new Int32Array(count),
    total,
  }
  const wanted = new Float64Array(count)
  let wantedSum = 0
  let disabledSum = 0
  for (let index = 0; index < count; index++) {
    const { capacity, quarter } = stations[index]!
    fleet.docksDisabled[index] = Math.min(2, random.poisson(0.01 * capacity))
    for (const kind of KINDS) {
      const broken = Math.min(2, random.poisson(0.012 * capacity))
      fleet.disabled[kind][index] = broken
      disabledSum += broken
    }
    const share = Math.min(0.95, Math.max(0.02, QUARTER_FILL[quarter]! + 0.2 * random.normal()))
    wanted[index] = share * room(fleet, capacity, index)
    wantedSum += wanted[index]!
  }
  const scale = (total[0] + total[1] - disabledSum) / wantedSum
  for (let index = 0; index < count; index++) {
    const bikes = Math.min(room(fleet, stations[index]!.capacity, index), Math.round(wanted[index]! * scale))
    const ebikes = Math.round(bikes * Math.min(1, Math.max(0, EBIKE_SHARE + 0.12 * random.normal())))
    fleet.bikes[EBIKE][index] = ebikes
    fleet.bikes[MECHANICAL][index] = bikes - ebikes
  }
  for (const kind of KINDS) settle({ fleet, layout, kind, random })
  return fleet
}

/** Docks that take a bike at station `index`, bikes there included. */
function room(fleet: Fleet, capacity: number, index: number): number {
  return Math.max(
    0,
    capacity - fleet.docksDisabled[index]! - fleet.disabled[0][index]! - fleet.disabled[1][index]!,
  )
}

/** Free docks at station `index`. */
export function freeDocks(fleet: Fleet, capacity: number, index: number): number {
  return room(fleet, capacity, index) - fleet.bikes[0][index]! - fleet.bikes[1][index]!
}

function fleetTotal({ stations }: CityLayout): [number, number] {
  const docks = stations.reduce((sum, { capacity }) => sum + capacity, 0)
  const bikes = Math.round(docks * FILL)
  const ebikes = Math.round(bikes * EBIKE_SHARE)
  return [bikes - ebikes, ebikes]
}

/** Adds or takes single bikes of a kind at random stations until the city holds exactly its total. */
function settle({
  fleet,
  layout,
  kind,
  random,
}: {
  fleet: Fleet
  layout: CityLayout
  kind: 0 | 1
  random: Random
}): void {
  const bikes = fleet.bikes[kind]
  let missing = fleet.total[kind]
  for (let index = 0; index < bikes.length; index++) missing -= bikes[index]! + fleet.disabled[kind][index]!
  while (missing !== 0) {
    const index = random.below(bikes.length)
    if (missing > 0 && freeDocks(fleet, layout.stations[index]!.capacity, index) > 0) {
      bikes[index]! += 1
      missing -= 1
    } else if (missing < 0 && bikes[index]! > 0) {
      bikes[index]! -= 1
      missing += 1
    }
  }
}
