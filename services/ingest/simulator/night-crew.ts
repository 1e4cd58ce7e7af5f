import { type Fleet, freeDocks, KINDS } from './fleet.ts'
import type { CityLayout } from './layout.ts'
import type { Random } from './random.ts'

/** Minutes before a week's start in which the crew works: from Sunday at eight in the evening to Monday at four, local. */
export const CREW_MINUTES = 480

/**
 * The weekly redistribution: brings every station to the state in which the next week begins, evenly over the
 * minutes that remain, so that no step is seen where one week's function of the seed ends and the next begins.
 */
export class NightCrew {
  readonly #target: Fleet
  /** Bikes on the road with the crew, by kind. */
  readonly held: [number, number]

  constructor({ target, held }: { target: Fleet; held: [number, number] }) {
    this.#target = target
    this.held = held
  }

  step({
    remaining,
    fleet,
    layout,
    random,
    changed,
  }: {
    /** Minutes until the week starts, this one included. */
    remaining: number
    fleet: Fleet
    layout: CityLayout
    random: Random
    changed: (index: number) => void
  }): void {
    for (const kind of KINDS) {
      const bikes = fleet.bikes[kind]
      const target = this.#target.bikes[kind]
      for (let index = 0; index < bikes.length; index++) {
        const difference = target[index]! - bikes[index]!
        if (difference === 0) continue
        const pace = Math.abs(difference) / remaining
        const moves = Math.floor(pace) + (random.uniform() < pace % 1 ? 1 : 0)
        if (moves === 0) continue
        const free = freeDocks(fleet, layout.stations[index]!.capacity, index)
        const moved = difference < 0 ? -moves : Math.min(moves, this.held[kind], free)
        if (moved === 0) continue
        bikes[index]! += moved
        this.held[kind] -= moved
        changed(index)
      }
    }
  }
}
