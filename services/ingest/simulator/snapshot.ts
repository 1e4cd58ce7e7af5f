import { MINUTE_MS } from './calendar.ts'
import { City, type CityOptions } from './city.ts'
import { type ActiveFault, befalls, faultsAt, shiftOccupancy } from './faults.ts'

/** A station as its feed publishes it. Times are epoch ms; counts are whole and >= 0. */
export interface StationSnapshot {
  station_id: string
  mechanical: number
  ebike: number
  docks: number
  bikes_disabled: number
  docks_disabled: number
  open: boolean
  last_reported: number
}

/** The city as its feed publishes it at `published_utc`. */
export interface CitySnapshot {
  published_utc: number
  stations: StationSnapshot[]
}

/** What a poll meets: a snapshot (with the faults within it still to be applied to the body), or none. */
export type Meeting =
  | { kind: 'answer'; snapshot: CitySnapshot; faults: ActiveFault[] }
  | { kind: 'error' }
  | { kind: 'missing' }

const CURSORS = 3
const REMEMBERED = 32

/**
 * Snapshots of one city at any time, with faults. Keeps up to three cities at different times, so that polls that look
 * a little back (`late`, `duplicate_poll`) cost no second run through the week, and up to 32 snapshots that faults
 * hold on to.
 */
export class SnapshotSource {
  readonly #options: CityOptions
  readonly #cities: City[]
  readonly #held = new Map<number, CitySnapshot>()

  constructor(options: CityOptions) {
    this.#options = options
    this.#cities = [new City(options)]
  }

  /** The city that layout, calendar and weather are read from. */
  get city(): City {
    return this.#cities[0]!
  }

  /** The city at the minute that holds `time`, without faults. */
  at(time: number): CitySnapshot {
    const city = this.#cursor(time)
    city.advanceTo(time)
    return {
      published_utc: city.now,
      stations: city.layout.stations.map(({ station_id }, index) => ({
        station_id,
        mechanical: city.mechanical(index),
        ebike: city.ebike(index),
        docks: city.docks(index),
        bikes_disabled: city.bikesDisabled(index),
        docks_disabled: city.docksDisabled(index),
        open: city.isOpen(index),
        last_reported: city.lastReported(index),
      })),
    }
  }

  /** What a poll at `time` meets. `stepMs` is the time between two answers of the feed. */
  meet({ faults, time, stepMs }: { faults: readonly ActiveFault[]; time: number; stepMs: number }): Meeting {
    const active = faultsAt({ faults, seed: this.city.seed, time })
    const find = (kind: ActiveFault['kind']): ActiveFault | undefined =>
      active.find((fault) => fault.kind === kind)
    if (find('missing')) return { kind: 'missing' }
    if (find('error')) return { kind: 'error' }
    const stale = find('stale')
    const late = find('late')
    const back = late === undefined ? 0 : late.minutes * MINUTE_MS
    let moment = time - back - (find('duplicate_poll') === undefined ? 0 : stepMs)
    if (stale !== undefined) moment = Math.min(moment, stale.from)
    const frozen = find('frozen')
    let snapshot: CitySnapshot
    if (stale !== undefined) snapshot = this.#hold(moment)
    else if (frozen === undefined) snapshot = this.at(moment)
    else {
      const { stations } = this.#hold(Math.min(moment, frozen.from))
      snapshot = { published_utc: Math.floor(moment / MINUTE_MS) * MINUTE_MS, stations }
    }
    const flat = find('flat')
    if (flat !== undefined) {
      const then = this.#hold(Math.min(moment, flat.from)).stations
      const stations = snapshot.stations.map((station, index) =>
        befalls(flat, station, index) ? { ...then[index]!, last_reported: station.last_reported } : station,
      )
      snapshot = { ...snapshot, stations }
    }
    const shift = find('occupancy_shift')
    if (shift !== undefined) snapshot = shiftOccupancy(snapshot, shift.factor)
    return { kind: 'answer', snapshot, faults: active }
  }

  #hold(time: number): CitySnapshot {
    const minute = Math.floor(time / MINUTE_MS) * MINUTE_MS
    const known = this.#held.get(minute)
    if (known !== undefined) return known
    const snapshot = this.at(minute)
    const oldest = this.#held.keys().next()
    if (this.#held.size >= REMEMBERED && oldest.done !== true) this.#held.delete(oldest.value)
    this.#held.set(minute, snapshot)
    return snapshot
  }

  /** The city that is nearest behind `time`; else a further one, or the one that is furthest behind. */
  #cursor(time: number): City {
    const [first] = this.#cities
    if (first !== undefined && Number.isNaN(first.now)) return first
    const behind = this.#cities.filter(({ now }) => now <= time).sort((a, b) => b.now - a.now)[0]
    if (behind !== undefined) return behind
    if (this.#cities.length < CURSORS) {
      const city = new City({ ...this.#options, layout: this.city.layout })
      this.#cities.push(city)
      return city
    }
    return this.#cities.slice(1).sort((a, b) => a.now - b.now)[0]!
  }
}
