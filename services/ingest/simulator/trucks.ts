import { EBIKE, type Fleet, freeDocks, KINDS, MECHANICAL } from './fleet.ts'
import type { CityLayout } from './layout.ts'
import type { Random } from './random.ts'

/** Bikes a truck holds. */
const TRUCK_HOLD = 20
/** Stations a truck's driver compares before choosing. */
const COMPARED = 24
const STATIONS_PER_TRUCK = 150
/** Local hours of duty: outside them a truck only unloads what it has. */
const DUTY = { from: 6, until: 22 }

interface Truck {
  load: [number, number]
  /** Minute at which it acts next. */
  next: number
}

/** Rebalancing trucks: each takes bikes where docks run out and brings them where bikes run out. */
export class Trucks {
  readonly #trucks: Truck[]

  constructor(stations: number) {
    this.#trucks = Array.from({ length: Math.max(1, Math.round(stations / STATIONS_PER_TRUCK)) }, () => ({
      load: [0, 0],
      next: 0,
    }))
  }

  get load(): number {
    return this.#trucks.reduce((sum, { load }) => sum + load[0] + load[1], 0)
  }

  /** Empties every truck and gives what they held, by kind. */
  unloadAll(): [number, number] {
    const sum: [number, number] = [0, 0]
    for (const truck of this.#trucks) {
      for (const kind of KINDS) sum[kind] += truck.load[kind]
      truck.load = [0, 0]
      truck.next = 0
    }
    return sum
  }

  /** One minute. `changed` is told of every station whose bikes changed. */
  step({
    minute,
    hour,
    fleet,
    layout,
    open,
    random,
    changed,
  }: {
    minute: number
    hour: number
    fleet: Fleet
    layout: CityLayout
    open: (index: number) => boolean
    random: Random
    changed: (index: number) => void
  }): void {
    const duty = hour >= DUTY.from && hour < DUTY.until
    for (const truck of this.#trucks) {
      if (truck.next > minute) continue
      const held = truck.load[0] + truck.load[1]
      if (held === 0 && !duty) continue
      const index = choose({ fleet, layout, open, random, fullest: held === 0 })
      truck.next = minute + 12 + random.below(10)
      if (index === -1) continue
      const { capacity } = layout.stations[index]!
      const present = fleet.bikes[0][index]! + fleet.bikes[1][index]!
      if (held === 0) take({ truck, fleet, index, most: present - Math.round(0.45 * capacity) })
      else
        bring({
          truck,
          fleet,
          index,
          most: Math.min(Math.round(0.5 * capacity) - present, freeDocks(fleet, capacity, index)),
        })
      changed(index)
    }
  }
}

function choose({
  fleet,
  layout,
  open,
  random,
  fullest,
}: {
  fleet: Fleet
  layout: CityLayout
  open: (index: number) => boolean
  random: Random
  fullest: boolean
}): number {
  let best = -1
  let bestScore = 0.1
  for (let draw = 0; draw < COMPARED; draw++) {
    const index = random.below(layout.stations.length)
    if (!open(index)) continue
    const { capacity } = layout.stations[index]!
    const share = (fleet.bikes[0][index]! + fleet.bikes[1][index]!) / capacity
    const score = fullest ? share - 0.55 : 0.45 - share
    if (score > bestScore) {
      bestScore = score
      best = index
    }
  }
  return best
}

function take({
  truck,
  fleet,
  index,
  most,
}: {
  truck: Truck
  fleet: Fleet
  index: number
  most: number
}): void {
  let left = Math.min(TRUCK_HOLD, most)
  for (const kind of [MECHANICAL, EBIKE] as const) {
    const moved = Math.max(0, Math.min(left, fleet.bikes[kind][index]!))
    fleet.bikes[kind][index]! -= moved
    truck.load[kind] += moved
    left -= moved
  }
}

function bring({
  truck,
  fleet,
  index,
  most,
}: {
  truck: Truck
  fleet: Fleet
  index: number
  most: number
}): void {
  let left = most
  for (const kind of [EBIKE, MECHANICAL] as const) {
    const moved = Math.max(0, Math.min(left, truck.load[kind]))
    fleet.bikes[kind][index]! += moved
    truck.load[kind] -= moved
    left -= moved
  }
}
