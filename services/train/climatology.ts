/** Rows that the rate above counts as, at each level. */
const PRIOR_ROWS = 24
const HOURS = 24

/**
 * How often an event comes by itself: at a station at a local hour (climatology), and at a station given whether it
 * holds now (persistence-climatology). Each rate is shrunk towards the one above it. From training rows only.
 */
export class Climatology {
  readonly #byHour: Rates
  readonly #byState: Rates
  readonly #stations: Rates
  readonly #all = new Rates(2)

  constructor(stations: number) {
    this.#byHour = new Rates(stations * HOURS)
    this.#byState = new Rates(stations * 2)
    this.#stations = new Rates(stations)
  }

  add(row: { station: number; hour: number; now: boolean; later: boolean }): void {
    const came = row.later ? 1 : 0
    const now = row.now ? 1 : 0
    this.#byHour.add(row.station * HOURS + row.hour, came)
    this.#byState.add(row.station * 2 + now, came)
    this.#stations.add(row.station, came)
    this.#all.add(now, came)
  }

  climatology({ station, hour }: { station: number; hour: number }): number {
    const overall = this.#all.total()
    return this.#byHour.shrunk(station * HOURS + hour, this.#stations.shrunk(station, overall))
  }

  persistence({ station, now }: { station: number; now: boolean }): number {
    const state = now ? 1 : 0
    return this.#byState.shrunk(station * 2 + state, this.#all.shrunk(state, this.#all.total()))
  }
}

class Rates {
  readonly #rows: Float64Array
  readonly #came: Float64Array

  constructor(size: number) {
    this.#rows = new Float64Array(size)
    this.#came = new Float64Array(size)
  }

  add(cell: number, came: number): void {
    this.#rows[cell]! += 1
    this.#came[cell]! += came
  }

  shrunk(cell: number, prior: number): number {
    return (this.#came[cell]! + PRIOR_ROWS * prior) / (this.#rows[cell]! + PRIOR_ROWS)
  }

  total(): number {
    const sum = (values: Float64Array): number => values.reduce((all, value) => all + value, 0)
    return (sum(this.#came) + 1) / (sum(this.#rows) + 2)
  }
}
