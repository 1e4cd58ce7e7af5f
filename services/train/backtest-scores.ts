import { roundHalfEven } from '../domain/forecast.ts'
import type { CalibratedRow } from '../domain/forecasting/calibration.ts'
import { liftInterval, type RatioInterval, shareWorse } from './day-bootstrap.ts'
import { type ProbabilityScore, ProbabilityScorer } from './probability-scores.ts'

/** Share of misses outside of the band on each side that it claims: 10 %. */
const TAIL = 0.1
/** An hour counts as worse from this negative lift on. */
const WORSE_HOUR = -0.01
/** With fewer local days the draws of a station are of its local hours. */
const LEAST_DAYS = 5
/** Share of the draws in which a station must be worse to be so beyond noise. */
const SURE = 0.95

export interface ProbabilityScores {
  model: ProbabilityScore
  climatology: ProbabilityScore
  persistence_climatology: ProbabilityScore
}

interface HourScore {
  hour: number
  n: number
  mae_model: number
  mae_persistence: number
  lift: number
  /** 5 % and 95 % by drawing whole days; null with one day. */
  interval: RatioInterval | null
}

/** Errors in bikes, rows in service at both ends. `mae_model` and `lift` are the rounded median's, `rmse_*` the mean's. */
export interface HorizonScores {
  n: number
  mae_model: number
  mae_model_unrounded: number
  mae_mean: number
  mae_persistence: number
  lift: number
  lift_interval: RatioInterval | null
  rmse_model: number
  rmse_model_rounded: number
  rmse_persistence: number
  /** 1 − rmse_model / rmse_persistence. */
  rmse_cut: number
  mean_error: number
  by_hour: HourScore[]
  hours_worse: number
  /** Those of `hours_worse` with no lift in the interval of their days; null with one day. */
  hours_worse_beyond_noise: number | null
  hours: number
  stations: number
  stations_worse: number
  stations_worse_count: number
  /** Share of the stations that are worse in 95 % of the draws of their blocks. */
  stations_worse_beyond_noise: number
  /** What is drawn of a station: local days, or with fewer than five of them its local hours. */
  station_blocks: 'days' | 'hours'
  station_lift: { p5: number; median: number; p95: number }
  coverage_80: number
  pit_coverage_80: number
  width_80: number
  interval_score_80: number
  ece_bike: number
  ece_dock: number
  p_bike: ProbabilityScores
  p_dock: ProbabilityScores
}

export interface ScoredRow {
  forecast: CalibratedRow
  station: number
  /** Local hour of T. */
  hour: number
  /** Local day of T. */
  day: string
  bikesNow: number
  bikesThen: number
  docksNow: number
  docksThen: number
  climatology: { bike: number; dock: number }
  persistence: { bike: number; dock: number }
}

interface Sums {
  n: number
  model: number
  persistence: number
}

const noSums = (): Sums => ({ n: 0, model: 0, persistence: 0 })

interface StationSums {
  all: Sums
  days: Map<string, Sums>
  hours: Map<number, Sums>
}

/** Adds up rows; memory is a few numbers for each hour of the day and each day, of each station. */
export class HorizonScorer {
  readonly #sums = {
    n: 0,
    model: 0,
    unrounded: 0,
    mean: 0,
    persistence: 0,
    squares: 0,
    roundedSquares: 0,
    persistenceSquares: 0,
    error: 0,
    covered: 0,
    pit: 0,
    width: 0,
    interval: 0,
  }
  readonly #stations = new Map<number, StationSums>()
  readonly #days = new Map<string, Sums>()
  readonly #hours = new Map<number, Map<string, Sums>>()
  readonly #bike = scorers()
  readonly #dock = scorers()

  add(row: ScoredRow): void {
    const { forecast, bikesNow, bikesThen } = row
    const sums = this.#sums
    const rounded = Math.abs(roundHalfEven(forecast.median) - bikesThen)
    const persistence = Math.abs(bikesNow - bikesThen)
    sums.n += 1
    sums.model += rounded
    sums.unrounded += Math.abs(forecast.median - bikesThen)
    sums.mean += Math.abs(forecast.mean - bikesThen)
    sums.persistence += persistence
    sums.squares += (forecast.mean - bikesThen) ** 2
    sums.roundedSquares += (roundHalfEven(forecast.mean) - bikesThen) ** 2
    sums.persistenceSquares += persistence ** 2
    sums.error += forecast.mean - bikesThen
    this.#addBand(forecast, bikesThen)
    const day = this.#hours.get(row.hour) ?? new Map<string, Sums>()
    this.#hours.set(row.hour, day)
    const station = this.#stations.get(row.station) ?? { all: noSums(), days: new Map(), hours: new Map() }
    this.#stations.set(row.station, station)
    for (const cell of [
      station.all,
      cellOf(station.days, row.day),
      cellOf(station.hours, row.hour),
      cellOf(this.#days, row.day),
      cellOf(day, row.day),
    ]) {
      cell.n += 1
      cell.model += rounded
      cell.persistence += persistence
    }
    const hasBike = bikesThen >= 1
    this.#bike.model.add(forecast.pBike, hasBike)
    this.#bike.climatology.add(row.climatology.bike, hasBike)
    this.#bike.persistence_climatology.add(row.persistence.bike, hasBike)
    if (Number.isNaN(row.docksThen) || Number.isNaN(row.docksNow)) return
    const hasDock = row.docksThen >= 1
    this.#dock.model.add(forecast.pDock, hasDock)
    this.#dock.climatology.add(row.climatology.dock, hasDock)
    this.#dock.persistence_climatology.add(row.persistence.dock, hasDock)
  }

  #addBand(forecast: CalibratedRow, then: number): void {
    const sums = this.#sums
    const { q10, q90 } = forecast
    if (then >= q10 && then <= q90) sums.covered += 1
    sums.width += q90 - q10
    sums.interval += q90 - q10 + (2 / (2 * TAIL)) * (Math.max(0, q10 - then) + Math.max(0, then - q90))
    sums.pit += pitShare(forecast.atMost(then - 1), forecast.atMost(then))
  }

  scores(): HorizonScores {
    const sums = this.#sums
    const { n } = sums
    const by_hour = [...this.#hours.entries()]
      .sort(([a], [b]) => a - b)
      .map(([hour, days]): HourScore => {
        const all = totalOf([...days.values()])
        return {
          hour,
          n: all.n,
          mae_model: all.model / all.n,
          mae_persistence: all.persistence / all.n,
          lift: liftOf(all),
          interval: liftInterval([...days.values()]),
        }
      })
    const stations = [...this.#stations.values()]
    const worse = stations.filter(({ all }) => all.model > all.persistence)
    const blocks = this.#days.size < LEAST_DAYS ? 'hours' : 'days'
    const surely = worse.filter((station) => shareWorse([...station[blocks].values()]) >= SURE)
    const lifts = stations.map(({ all }) => liftOf(all)).sort((a, b) => a - b)
    const at = (share: number): number =>
      lifts[Math.min(lifts.length - 1, Math.floor(share * lifts.length))] ?? 0
    const bike = scoresOf(this.#bike)
    const dock = scoresOf(this.#dock)
    return {
      n,
      mae_model: sums.model / n,
      mae_model_unrounded: sums.unrounded / n,
      mae_mean: sums.mean / n,
      mae_persistence: sums.persistence / n,
      lift: 1 - sums.model / sums.persistence,
      lift_interval: liftInterval([...this.#days.values()]),
      rmse_model: Math.sqrt(sums.squares / n),
      rmse_model_rounded: Math.sqrt(sums.roundedSquares / n),
      rmse_persistence: Math.sqrt(sums.persistenceSquares / n),
      rmse_cut: 1 - Math.sqrt(sums.squares / sums.persistenceSquares),
      mean_error: sums.error / n,
      by_hour,
      hours_worse: by_hour.filter(({ lift }) => lift < WORSE_HOUR).length,
      hours_worse_beyond_noise:
        this.#days.size < 2
          ? null
          : by_hour.filter(({ lift, interval }) => lift < WORSE_HOUR && (interval?.high ?? 0) < 0).length,
      hours: by_hour.length,
      stations: stations.length,
      stations_worse: worse.length / stations.length,
      stations_worse_count: worse.length,
      stations_worse_beyond_noise: surely.length / stations.length,
      station_blocks: blocks,
      station_lift: { p5: at(0.05), median: at(0.5), p95: at(0.95) },
      coverage_80: sums.covered / n,
      pit_coverage_80: sums.pit / n,
      width_80: sums.width / n,
      interval_score_80: sums.interval / n,
      ece_bike: bike.model.ece,
      ece_dock: dock.model.ece,
      p_bike: bike,
      p_dock: dock,
    }
  }
}

/** Share of the randomised PIT, uniform between F(y − 1) and F(y), that lies within the middle 80 % (Czado et al. 2009). */
export function pitShare(below: number, upTo: number): number {
  if (upTo <= below) return upTo >= TAIL && upTo <= 1 - TAIL ? 1 : 0
  const inside = Math.min(upTo, 1 - TAIL) - Math.max(below, TAIL)
  return Math.max(0, inside) / (upTo - below)
}

function scorers(): Record<keyof ProbabilityScores, ProbabilityScorer> {
  return {
    model: new ProbabilityScorer(),
    climatology: new ProbabilityScorer(),
    persistence_climatology: new ProbabilityScorer(),
  }
}

function scoresOf(all: Record<keyof ProbabilityScores, ProbabilityScorer>): ProbabilityScores {
  return {
    model: all.model.score(),
    climatology: all.climatology.score(),
    persistence_climatology: all.persistence_climatology.score(),
  }
}

function cellOf<Key>(cells: Map<Key, Sums>, key: Key): Sums {
  let found = cells.get(key)
  if (found === undefined) {
    found = noSums()
    cells.set(key, found)
  }
  return found
}

function totalOf(parts: readonly Sums[]): Sums {
  const all = noSums()
  for (const part of parts) {
    all.n += part.n
    all.model += part.model
    all.persistence += part.persistence
  }
  return all
}

function liftOf({ model, persistence }: Sums): number {
  return persistence > 0 ? 1 - model / persistence : model > 0 ? -1 : 0
}
