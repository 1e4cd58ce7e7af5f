import { HOUR_MS } from '../../domain/bin.ts'
import type { WeatherHour } from '../../domain/weather.ts'
import { CityCalendar, MINUTE_MS } from './calendar.ts'
import { EBIKE, type Fleet, fleetAtAnchor, freeDocks, KINDS } from './fleet.ts'
import { demandAt } from './flows.ts'
import { type CityLayout, layoutCity } from './layout.ts'
import { CREW_MINUTES, NightCrew } from './night-crew.ts'
import { hash, hashUniform, Random, WeightedDraw } from './random.ts'
import { Trips } from './trips.ts'
import { Trucks } from './trucks.ts'
import { demandFactor, weatherAsKnown, weatherOfHour } from './weather.ts'

export interface CityOptions {
  /** Default 1. */
  seed?: number
  /** Default 1,500; 2 to 100,000. */
  stations?: number
  /** Default 48.8566, 2.3522. */
  centre?: { lat: number; lon: number }
  /** IANA name; default Europe/Paris. */
  timezone?: string
  /** The layout of the same seed, number and centre, when it is at hand. */
  layout?: CityLayout
}

/** Where the city's bikes are. The sum never changes. */
export interface Audit {
  docked: number
  disabled: number
  inTransit: number
  inTrucks: number
  total: number
}

/** A closure every 45 days a station, 1 to 36 hours; and 0.7 % of the stations are shut for a whole week. */
const CLOSURES_PER_MINUTE = 1 / (45 * 1440)
const SHUT_ALL_WEEK = 0.007
/** A disabled bike is mended after a day on average. */
const MENDED_PER_MINUTE = 1 / 1440
const HEARTBEAT_MINUTES = 60

/**
 * A simulated city: a state machine that is advanced minute by minute. At a time T its state is a function of the
 * options and T alone, however it was reached: each week begins in a state of its own (`fleetAtAnchor`), and reaching
 * T takes at most the minutes since that Monday. Memory: about 150 bytes a station and 8 a bike in motion.
 */
export class City {
  readonly seed: number
  readonly timezone: string
  readonly centre: { lat: number; lon: number }
  readonly calendar: CityCalendar
  readonly layout: CityLayout
  readonly #draws: { any: WeightedDraw; home: WeightedDraw; work: WeightedDraw }
  readonly #trucks: Trucks
  readonly #trips: Trips
  /** Epoch ms until which a station is closed; 0 when it is open. */
  readonly #closedUntil: Float64Array
  /** Epoch ms of the minute of the last change. */
  readonly #changed: Float64Array
  readonly #mark = (index: number): void => {
    this.#changed[index] = this.#now
  }
  readonly #isOpen = (index: number): boolean => this.#closedUntil[index]! <= this.#now
  #fleet: Fleet
  #random = new Random(0)
  #crew: NightCrew | null = null
  #factor = { hour: Number.NaN, value: 1 }
  #now = Number.NaN
  #anchor = Number.NaN
  #nextAnchor = Number.NaN

  constructor({
    seed = 1,
    stations = 1500,
    centre = { lat: 48.8566, lon: 2.3522 },
    timezone = 'Europe/Paris',
    layout,
  }: CityOptions = {}) {
    this.seed = seed
    this.timezone = timezone
    this.centre = centre
    this.calendar = new CityCalendar(timezone)
    this.layout = layout ?? layoutCity({ seed, count: stations, centre })
    const weights = (factors: number[]): WeightedDraw =>
      new WeightedDraw(
        Float64Array.from(this.layout.stations, ({ quarter, popularity }) => popularity * factors[quarter]!),
      )
    this.#draws = {
      any: weights([0.9, 0.9, 1.4, 1.1]),
      home: weights([1, 0.08, 0.25, 1.2]),
      work: weights([0.08, 1, 0.4, 0.2]),
    }
    this.#trucks = new Trucks(stations)
    this.#trips = new Trips(this.layout)
    this.#closedUntil = new Float64Array(stations)
    this.#changed = new Float64Array(stations)
    this.#fleet = fleetAtAnchor({ seed, layout: this.layout, anchor: 0 })
  }

  /** The minute that the state is for, epoch ms; NaN before the first `advanceTo`. */
  get now(): number {
    return this.#now
  }

  /** Brings the state to the minute that holds `utc`; backwards too, from the week's start. */
  advanceTo(utc: number): void {
    const minute = Math.floor(utc / MINUTE_MS) * MINUTE_MS
    const within = minute >= this.#now && minute < this.#nextAnchor
    if (!within) this.#begin(this.calendar.anchor(minute))
    while (this.#now < minute) this.#step()
  }

  weather(hour: number): WeatherHour {
    return weatherOfHour({ seed: this.seed, hour, calendar: this.calendar })
  }

  weatherAsKnown(hour: number, issued: number): WeatherHour {
    return weatherAsKnown({ seed: this.seed, hour, issued, calendar: this.calendar })
  }

  mechanical(index: number): number {
    return this.#fleet.bikes[0][index]!
  }

  ebike(index: number): number {
    return this.#fleet.bikes[EBIKE][index]!
  }

  bikesDisabled(index: number): number {
    return this.#fleet.disabled[0][index]! + this.#fleet.disabled[1][index]!
  }

  docksDisabled(index: number): number {
    return this.#fleet.docksDisabled[index]!
  }

  docks(index: number): number {
    return freeDocks(this.#fleet, this.layout.stations[index]!.capacity, index)
  }

  isOpen(index: number): boolean {
    return this.#isOpen(index)
  }

  /** Epoch ms: the last change, or the newest hourly sign of life of an open station. Never after `now`. */
  lastReported(index: number): number {
    const changed = this.#changed[index]!
    const second = (index % 50) * 1000
    if (!this.#isOpen(index)) return changed - second
    const phase = hash(this.seed, 5, index) % HEARTBEAT_MINUTES
    const minute = this.#now / MINUTE_MS
    const beat = (minute - ((minute - phase) % HEARTBEAT_MINUTES)) * MINUTE_MS
    return Math.max(changed, beat) - second
  }

  audit(): Audit {
    const sum = (values: Int32Array): number => values.reduce((total, value) => total + value, 0)
    const [held0, held1] = this.#crew?.held ?? [0, 0]
    return {
      docked: sum(this.#fleet.bikes[0]) + sum(this.#fleet.bikes[1]),
      disabled: sum(this.#fleet.disabled[0]) + sum(this.#fleet.disabled[1]),
      inTransit: this.#trips.count,
      inTrucks: this.#trucks.load + held0 + held1,
      total: this.#fleet.total[0] + this.#fleet.total[1],
    }
  }

  #begin(anchor: number): void {
    this.#now = anchor
    this.#anchor = anchor
    this.#nextAnchor = this.calendar.nextAnchor(anchor)
    this.#fleet = fleetAtAnchor({ seed: this.seed, layout: this.layout, anchor })
    this.#random = new Random(this.seed, 3, anchor)
    this.#trips.clear()
    this.#trucks.unloadAll()
    this.#crew = null
    this.#changed.fill(anchor)
    for (let index = 0; index < this.#closedUntil.length; index++) {
      this.#closedUntil[index] =
        hashUniform(this.seed, 4, anchor, index) < SHUT_ALL_WEEK ? this.#nextAnchor : 0
    }
  }

  #step(): void {
    this.#now += MINUTE_MS
    if (this.#now >= this.#nextAnchor) {
      this.#begin(this.#nextAnchor)
      return
    }
    const local = this.calendar.local(this.#now)
    const minute = (this.#now - this.#anchor) / MINUTE_MS
    const world = {
      fleet: this.#fleet,
      layout: this.layout,
      open: this.#isOpen,
      random: this.#random,
      changed: this.#mark,
    }
    this.#trips.arrive({ ...world, minute, any: this.#draws.any })
    const demand = demandAt(local)
    this.#trips.depart({
      ...world,
      ...this.#draws,
      minute,
      demand: { ...demand, trips: demand.trips * this.#demandFactor() },
    })
    const remaining = (this.#nextAnchor - this.#now) / MINUTE_MS
    if (remaining > CREW_MINUTES) this.#trucks.step({ ...world, minute, hour: local.hour })
    else {
      this.#crew ??= new NightCrew({
        target: fleetAtAnchor({ seed: this.seed, layout: this.layout, anchor: this.#nextAnchor }),
        held: this.#trucks.unloadAll(),
      })
      this.#crew.step({ ...world, remaining })
    }
    this.#close()
    this.#mend()
  }

  #demandFactor(): number {
    const hour = Math.floor(this.#now / HOUR_MS) * HOUR_MS
    if (this.#factor.hour !== hour) this.#factor = { hour, value: demandFactor(this.weather(hour)) }
    return this.#factor.value
  }

  #close(): void {
    const random = this.#random
    for (let left = random.poisson(this.#closedUntil.length * CLOSURES_PER_MINUTE); left > 0; left--) {
      const index = random.below(this.#closedUntil.length)
      const minutes = Math.round(60 * 36 ** random.uniform())
      if (!this.#isOpen(index)) continue
      this.#closedUntil[index] = Math.min(this.#nextAnchor, this.#now + minutes * MINUTE_MS)
      this.#mark(index)
    }
  }

  #mend(): void {
    const random = this.#random
    const { disabled, bikes } = this.#fleet
    for (let left = random.poisson(disabled[0].length * MENDED_PER_MINUTE); left > 0; left--) {
      const index = random.below(disabled[0].length)
      for (const kind of KINDS) {
        if (disabled[kind][index] === 0) continue
        disabled[kind][index]! -= 1
        bikes[kind][index]! += 1
        this.#mark(index)
      }
    }
  }
}
