import { BIN_MS } from './bin.ts'
import { HOURS_OF_WEEK, hourOfWeek } from './calendar.ts'

/**
 * What one bin of a system brought: of `stations` that have a value both in `bin` and in the bin observed before it,
 * `changed` have another one. `bin` is epoch ms.
 */
export interface BinChange {
  bin: number
  changed: number
  stations: number
}

/** The counts by which two observations of a station differ or not. */
export interface StationCounts {
  bikes: number | null
  docks: number | null
  mechanical: number
  ebike: number
}

/** True when a station's counts differ: the one meaning of "changed" in every user of `frozenStretches`. */
export function hasChanged(before: StationCounts, after: StationCounts): boolean {
  return (
    before.bikes !== after.bikes ||
    before.docks !== after.docks ||
    before.mechanical !== after.mechanical ||
    before.ebike !== after.ebike
  )
}

/**
 * How fast a system changes, by local hour of the week: `hazard` sums -ln(1 - share changed), `bins` the 5-minute bins
 * that this took. Sums, so that references merge by adding (law 4).
 */
export interface ChangeRates {
  hazard: Float64Array
  bins: Float64Array
}

export function emptyRates(): ChangeRates {
  return { hazard: new Float64Array(HOURS_OF_WEEK), bins: new Float64Array(HOURS_OF_WEEK) }
}

export function mergeRates(a: ChangeRates, b: ChangeRates): ChangeRates {
  return {
    hazard: a.hazard.map((value, hour) => value + (b.hazard[hour] ?? 0)),
    bins: a.bins.map((value, hour) => value + (b.bins[hour] ?? 0)),
  }
}

/** Longer gaps teach nothing of the rate: over hours a station changes back and forth, or every one has changed. */
const LEARNING_GAP_BINS = 12

/** Rates of a reference: the same system's changes over days or weeks, in order of bin. */
export function changeRates(options: { changes: readonly BinChange[]; timezone: string }): ChangeRates {
  const { changes, timezone } = options
  const rates = emptyRates()
  for (const [index, { bin, changed, stations }] of changes.entries()) {
    const gap = gapBins(changes[index - 1]?.bin, bin)
    if (stations === 0 || gap > LEARNING_GAP_BINS) continue
    const share = Math.min(changed / stations, 1 - 0.5 / stations)
    const hour = hourOfWeek({ utc: bin, timezone })
    rates.hazard[hour]! -= Math.log1p(-share)
    rates.bins[hour]! += gap
  }
  return rates
}

/** A network of fewer stations gives no verdict: it may stand still for hours by chance. */
export const TINY_NETWORK = 50
/** A bin with at most this share of the expected changes is still: a frozen cache lets a few stations through. */
const STILL_SHARE = 0.01
/** Still bins in a row: feeds often repeat one or two 5-minute bins because their own cadence slips. */
const STILL_BINS = 3
/**
 * Changes that must be missing. Counts scatter more than Poisson's: variance over mean is 1.5 to 6 in Bay Wheels' nights.
 * At 6, a negative binomial gives no change where 30 are expected with probability 6^(-30/5) = 2e-5.
 */
const MISSING_CHANGES = 30
/** Two hours of bins: an hour of the week counts from its second week on, an hour of the day from its second day. */
const SEEN_TWICE_BINS = 24

/** Values that stand: those of bin `start` are repeated in every observed bin after it up to `end`. */
export interface FrozenStretch {
  /** Bin in which the standing values came, epoch ms; its own values are fresh. */
  start: number
  /** Last bin that repeats them, epoch ms. */
  end: number
  /** Observed bins that repeat them. */
  bins: number
  /** Station changes that the rates expected in them, and those that came. */
  expected: number
  changed: number
  /** `undecided`: too few changes were expected to tell a frozen feed from a quiet city. */
  verdict: 'frozen' | 'undecided'
}

/**
 * The stretches in which a system's values stood still while its own rate for those hours of the week says that they
 * would not have. A pure function of counts: used alike by health, labels and backtest, never stamped on data.
 *
 * A bin is still when at most 1 % of the expected changes came. Three still bins in a row are a stretch; it is `frozen`
 * when together at least 30 changes are missing. The expected share over a gap of k bins is 1 - exp(-k h), where h is
 * the mean hazard of the hour of the week once two weeks of it were seen, before that of the hour of the day: so an hour
 * that was itself frozen once is judged by its neighbours, and a city that closes at night or on Sundays is no frozen feed.
 * Networks below 50 stations, and hours never seen twice, give `undecided` only.
 *
 * `changes` are in order of bin, one a bin; `stations` 0 ends a stretch.
 */
export function frozenStretches(options: {
  changes: readonly BinChange[]
  rates: ChangeRates
  timezone: string
}): FrozenStretch[] {
  const { changes, rates, timezone } = options
  const hazards = meanHazards(rates)
  const stretches: FrozenStretch[] = []
  let open: (FrozenStretch & { tiny: boolean }) | null = null
  const close = (): void => {
    if (open !== null && open.bins >= STILL_BINS) {
      const { tiny, ...stretch } = open
      const frozen = !tiny && stretch.expected - stretch.changed >= MISSING_CHANGES
      stretches.push({ ...stretch, verdict: frozen ? 'frozen' : 'undecided' })
    }
    open = null
  }
  for (const [index, { bin, changed, stations }] of changes.entries()) {
    const before = changes[index - 1]?.bin
    if (before === undefined || stations === 0) {
      close()
      continue
    }
    const hazard = hazards[hourOfWeek({ utc: bin, timezone })] ?? 0
    const expected = stations * -Math.expm1(-hazard * gapBins(before, bin))
    if (changed > STILL_SHARE * expected) {
      close()
      continue
    }
    open ??= { start: before, end: bin, bins: 0, expected: 0, changed: 0, verdict: 'undecided', tiny: false }
    open.end = bin
    open.bins += 1
    open.expected += expected
    open.changed += changed
    open.tiny ||= stations < TINY_NETWORK
  }
  close()
  return stretches
}

/** True for a bin whose values only repeat those of a frozen stretch's start. */
export function isFrozen(stretches: readonly FrozenStretch[], bin: number): boolean {
  return stretches.some(({ start, end, verdict }) => verdict === 'frozen' && bin > start && bin <= end)
}

/** Bins from one observation to the next; the first of all counts as one. */
function gapBins(before: number | undefined, bin: number): number {
  return before === undefined ? 1 : Math.max(1, Math.round((bin - before) / BIN_MS))
}

/** Mean hazard a bin for each hour of the week; 0 where neither it nor its hour of the day was seen twice. */
function meanHazards({ hazard, bins }: ChangeRates): Float64Array {
  const dayHazard = new Float64Array(24)
  const dayBins = new Float64Array(24)
  for (let hour = 0; hour < HOURS_OF_WEEK; hour++) {
    dayHazard[hour % 24]! += hazard[hour] ?? 0
    dayBins[hour % 24]! += bins[hour] ?? 0
  }
  return hazard.map((sum, hour) => {
    const own = bins[hour] ?? 0
    if (own >= SEEN_TWICE_BINS) return sum / own
    const day = dayBins[hour % 24] ?? 0
    return day >= SEEN_TWICE_BINS ? (dayHazard[hour % 24] ?? 0) / day : 0
  })
}
