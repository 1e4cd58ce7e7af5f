import { EBIKE, type Fleet, freeDocks, MECHANICAL } from './fleet.ts'
import type { Demand } from './flows.ts'
import type { CityLayout } from './layout.ts'
import type { Random, WeightedDraw } from './random.ts'

/** Longest ride, minutes; the ring of arrivals is longer. */
const LONGEST_RIDE = 60
const RING = 64
/** Kilometres a minute along streets that are 1.3 times the straight line (13 km/h), and minutes to unlock and park. */
const STRAIGHT_KM_PER_MINUTE = 13 / 60 / 1.3
const HANDLING_MINUTES = 3
/** Riders look at this many places to go and take the nearest: rides are short, as real ones are. */
const PLACES_CONSIDERED = 3
const PREFERS_EBIKE = 0.5
/** Share of riders whom the application tells of a nearly empty origin or a nearly full destination, and who mind. */
const DETERRED = 0.15
/** Share of rides after which the bike is out of order. */
const BREAKS = 0.0035
/** A rider who finds no dock anywhere near tries again after this, minutes. */
const DETOUR_MINUTES = 5

interface World {
  minute: number
  fleet: Fleet
  layout: CityLayout
  open: (index: number) => boolean
  random: Random
  changed: (index: number) => void
}

/** Bikes on the road: who arrives where in which minute. Holds one number a ride. */
export class Trips {
  readonly #ring: number[][] = Array.from({ length: RING }, () => [])
  readonly #east: Float64Array
  readonly #north: Float64Array
  #count = 0

  constructor({ east, north }: CityLayout) {
    this.#east = east
    this.#north = north
  }

  get count(): number {
    return this.#count
  }

  clear(): void {
    for (const arrivals of this.#ring) arrivals.length = 0
    this.#count = 0
  }

  /** Parks the bikes that are due: at their station, else at the nearest with a free dock, else they ride on. */
  arrive(world: World & { any: WeightedDraw }): void {
    const { minute, fleet, random, changed } = world
    const due = this.#ring[minute % RING]!
    if (due.length === 0) return
    this.#ring[minute % RING] = []
    this.#count -= due.length
    for (const ride of due) {
      const kind = ride % 2 === EBIKE ? EBIKE : MECHANICAL
      const index = reachable(world, (ride - kind) / 2, (candidate) => hasDock(world, candidate))
      if (index === -1) {
        this.#ride({ minute: minute + DETOUR_MINUTES, to: world.any.draw(random), kind })
        continue
      }
      if (random.uniform() < BREAKS) fleet.disabled[kind][index]! += 1
      else fleet.bikes[kind][index]! += 1
      changed(index)
    }
  }

  /** Lets riders set out. One who finds no bike at the station or near it gives up. */
  depart(world: World & { demand: Demand; any: WeightedDraw; home: WeightedDraw; work: WeightedDraw }): void {
    const { minute, demand, fleet, layout, random, changed, any, home, work } = world
    for (let left = random.poisson(demand.trips * layout.stations.length); left > 0; left--) {
      const purpose = random.uniform()
      const toWork = purpose < demand.toWork
      const fromWork = !toWork && purpose < demand.toWork + demand.fromWork
      const commute = toWork || fromWork
      const near = (commute ? home : any).draw(random)
      const far = this.#counterpart({ of: near, places: commute ? work : any, random })
      const outward = commute ? toWork : random.uniform() < 0.5
      const from = outward ? near : far
      if (random.uniform() < DETERRED && occupancy(world, from) < 0.2) continue
      const origin = reachable(world, from, (candidate) => hasBike(world, candidate))
      if (origin === -1) continue
      let to = outward ? far : near
      if (random.uniform() < DETERRED && occupancy(world, to) > 0.8) to = any.draw(random)
      const wantsEbike = random.uniform() < PREFERS_EBIKE
      const kind =
        fleet.bikes[EBIKE][origin]! > 0 && (wantsEbike || fleet.bikes[MECHANICAL][origin] === 0)
          ? EBIKE
          : MECHANICAL
      fleet.bikes[kind][origin]! -= 1
      changed(origin)
      const minutes =
        HANDLING_MINUTES + Math.round(this.#distance(origin, to) / STRAIGHT_KM_PER_MINUTE) + random.below(4)
      this.#ride({ minute: minute + Math.min(LONGEST_RIDE, minutes), to, kind })
    }
  }

  /** The other end of a ride: of a few places the nearest. Rides go both ways, so that no place only loses bikes. */
  #counterpart({ of, places, random }: { of: number; places: WeightedDraw; random: Random }): number {
    let best = places.draw(random)
    for (let considered = 1; considered < PLACES_CONSIDERED; considered++) {
      const candidate = places.draw(random)
      if (candidate === of) continue
      if (best === of || this.#distance(of, candidate) < this.#distance(of, best)) best = candidate
    }
    return best
  }

  #distance(a: number, b: number): number {
    const east = this.#east[a]! - this.#east[b]!
    const north = this.#north[a]! - this.#north[b]!
    return Math.sqrt(east * east + north * north)
  }

  #ride({ minute, to, kind }: { minute: number; to: number; kind: 0 | 1 }): void {
    this.#ring[minute % RING]!.push(to * 2 + kind)
    this.#count += 1
  }
}

function occupancy({ fleet, layout }: World, index: number): number {
  return (fleet.bikes[0][index]! + fleet.bikes[1][index]!) / layout.stations[index]!.capacity
}

function hasBike({ fleet, open }: World, index: number): boolean {
  return open(index) && fleet.bikes[0][index]! + fleet.bikes[1][index]! > 0
}

function hasDock({ fleet, layout, open }: World, index: number): boolean {
  return open(index) && freeDocks(fleet, layout.stations[index]!.capacity, index) > 0
}

/** The station itself or the nearest of its neighbours that will do; -1 when none will. */
function reachable({ layout }: World, index: number, suits: (index: number) => boolean): number {
  if (suits(index)) return index
  const { neighbours, neighbourCount } = layout
  for (let rank = 0; rank < neighbourCount; rank++) {
    const candidate = neighbours[index * neighbourCount + rank]!
    if (suits(candidate)) return candidate
  }
  return -1
}
