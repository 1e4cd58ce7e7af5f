import { BIN_MS } from '../../domain/bin.ts'
import type { Forecast } from '../../domain/forecast.ts'
import {
  comparePolls,
  type PollKey,
  type ServedForecast,
  servedForecasts,
} from '../../domain/forecasting/served-forecast.ts'

/** Forecasts of record of one bin, ready to be written: sorted by station and horizon. */
export interface ForecastPart {
  system: string
  bin: number
  rows: ServedForecast[]
  poll: PollKey
}

/** The newest bin whose forecasts of record were sealed, and the poll that gave them. */
export interface SealedBin extends PollKey {
  tbin_utc: number
}

interface OpenBin {
  bin: number
  poll: PollKey
  forecasts: Map<string, Forecast>
  firstOffset: number
}

/**
 * Forecasts of record of one system: of each bin those of its last poll. A bin is sealed by the first forecast of a
 * later one. Forecasts for a bin that is sealed can only be repeats (a writer that was stopped publishes its last batch
 * again), unless a later poll of the very last one comes after all: those make one more part, which readers prefer.
 *
 * Holds one forecast a station: those of the open bin's last poll so far.
 */
export class BinsOfRecord {
  readonly system: string
  #sealed: SealedBin | null
  #open: OpenBin | null = null

  constructor({ system, sealed }: { system: string; sealed: SealedBin | null }) {
    this.system = system
    this.#sealed = sealed
  }

  get sealed(): SealedBin | null {
    return this.#sealed
  }

  /** Bins before this one have all their forecasts of record, epoch ms; null before the first was sealed. */
  get closedThrough(): number | null {
    const sealed = this.#sealed === null ? null : this.#sealed.tbin_utc + BIN_MS
    return this.#open === null ? sealed : Math.max(this.#open.bin, sealed ?? 0)
  }

  /** Offset of the first record of the open bin's last poll so far; null when none is open. */
  get firstOpenOffset(): number | null {
    return this.#open?.firstOffset ?? null
  }

  /** Takes a forecast; gives the part that it seals. `known` when its bin has its forecasts of record already. */
  add(offset: number, forecast: Forecast): { part: ForecastPart | null; known: boolean } {
    const { tbin_utc, predicted_utc, poll_id } = forecast
    const poll = { predicted_utc, poll_id }
    const sealed = this.#sealed
    const order = sealed === null ? 1 : tbin_utc - sealed.tbin_utc || comparePolls(poll, sealed)
    if (order <= 0 || tbin_utc < (this.#open?.bin ?? tbin_utc)) return { part: null, known: true }
    const part = this.#open !== null && this.#open.bin < tbin_utc ? this.seal() : null
    const open = this.#open
    if (open === null || comparePolls(open.poll, poll) < 0) {
      this.#open = { bin: tbin_utc, poll, forecasts: new Map(), firstOffset: offset }
    } else if (comparePolls(open.poll, poll) > 0) return { part, known: false }
    this.#open!.forecasts.set(forecast.station_id, forecast)
    return { part, known: false }
  }

  /** Seals the open bin; null when there is none. */
  seal(): ForecastPart | null {
    const open = this.#open
    if (open === null) return null
    const { bin, poll, forecasts } = open
    this.#open = null
    this.#sealed = { tbin_utc: bin, ...poll }
    const stations = [...forecasts.values()].sort((a, b) => (a.station_id < b.station_id ? -1 : 1))
    const rows = stations.flatMap((forecast) =>
      servedForecasts(forecast).sort((a, b) => a.horizon_min - b.horizon_min),
    )
    return { system: this.system, bin, rows, poll }
  }
}
