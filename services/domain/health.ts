import type { Bundle } from './aggregates/bundle.ts'
import { type FlatSequence, flatSequences } from './aggregates/flat-sequences.ts'
import { type Hole, holes } from './aggregates/holes.ts'
import { binChanges } from './aggregates/motion-view.ts'
import type { Delivery } from './aggregates/poll-deliveries.ts'
import { BIN_MS } from './bin.ts'
import { localHour } from './calendar.ts'
import { type ChangeRates, type FrozenStretch, frozenStretches } from './frozen.ts'

/** Epoch ms; `end` is not in it. */
export interface WindowSpan {
  start: number
  end: number
}

interface StationHealth {
  station_id: string
  name: string | null
  /** Bins that it has. */
  obs: number
  /** Bins from the window's first data to its last. */
  expected: number
  coverage_pct: number
  missing: number
}

/** What is known of a system's data in a window. Percentages are 0..100, null when there is nothing to divide by. */
export interface HealthFacts {
  rows: number
  /** First bin that is expected to have rows, and last one that has, epoch ms; null without rows. */
  first: number | null
  last: number | null
  expectedBins: number
  observedBins: number
  /** Worst first. */
  stations: StationHealth[]
  /** Mean over stations of bins had, of all bins. */
  coverageGlobalPct: number | null
  /** Mean over stations of bins had, from the station's own first to its last. */
  coverageActivePct: number | null
  /** As active, of the bins that the feed brought at all: what polls left out, whatever became of the feed. */
  coverageStationPct: number | null
  /** By local hour 0..23; null for an hour that the window does not have. */
  coverageByHour: (number | null)[]
  holes: Hole[]
  flat: FlatSequence[]
  frozen: FrozenStretch[]
  duplicates: (Delivery & { poll_id: string })[]
  /** Rows delivered again, of all rows delivered. */
  duplicatesPct: number
}

/**
 * A pure function of a window's merged bundle. `dataStart` is the first bin that the system has in the window or the
 * reference before it (epoch ms): bins before its history began are not missing. Memory: some numbers a station and bin.
 */
export function healthFacts({
  bundle,
  window,
  dataStart,
  rates,
  timezone,
}: {
  bundle: Bundle
  window: WindowSpan
  dataStart: number | null
  rates: ChangeRates
  timezone: string
}): HealthFacts {
  const { motion, names } = bundle
  const observed = [...motion.bins.keys()].sort((a, b) => a - b)
  const changes = binChanges(motion)
  const firstBin = observed.length === 0 ? null : Math.max(window.start, dataStart ?? window.start)
  const lastBin = observed.length === 0 ? null : observed.at(-1)! * BIN_MS
  const expectedBins = firstBin === null || lastBin === null ? 0 : (lastBin - firstBin) / BIN_MS + 1
  const stations: StationHealth[] = []
  const active: number[] = []
  const fed: number[] = []
  for (const [station_id, segments] of motion.stations) {
    const obs = segments.reduce((sum, { start, end }) => sum + end - start + 1, 0)
    const from = segments[0]!.start
    const to = segments.at(-1)!.end
    active.push(percent(obs, to - from + 1))
    fed.push(percent(obs, lowerBound(observed, to + 1) - lowerBound(observed, from)))
    stations.push({
      station_id,
      name: names.get(station_id)?.name ?? null,
      obs,
      expected: expectedBins,
      coverage_pct: percent(obs, expectedBins),
      missing: expectedBins - obs,
    })
  }
  stations.sort((a, b) => a.obs - b.obs || (a.station_id < b.station_id ? -1 : 1))
  const duplicates = [...bundle.pollDeliveries]
    .filter(([, { times }]) => times > 1)
    .map(([poll_id, delivery]) => ({ poll_id, ...delivery }))
    .sort((a, b) => a.utc - b.utc || (a.poll_id < b.poll_id ? -1 : 1))
  const again = duplicates.reduce((sum, { times, rows }) => sum + (times - 1) * rows, 0)
  return {
    rows: observed.reduce((sum, bin) => sum + motion.bins.get(bin)!.rows, 0),
    first: firstBin,
    last: lastBin,
    expectedBins,
    observedBins: observed.length,
    stations,
    coverageGlobalPct: mean(stations.map(({ coverage_pct }) => coverage_pct)),
    coverageActivePct: mean(active),
    coverageStationPct: mean(fed),
    coverageByHour: coverageByHour({ bundle, first: firstBin, last: lastBin, timezone }),
    holes:
      firstBin === null
        ? []
        : holes({ motion, polls: bundle.pollTimeline, from: firstBin, until: window.end }),
    flat: flatSequences({ motion, changes }),
    frozen: frozenStretches({ changes, rates, timezone }),
    duplicates,
    duplicatesPct: bundle.pollOutcomes.rows === 0 ? 0 : percent(again, bundle.pollOutcomes.rows),
  }
}

function coverageByHour({
  bundle: { motion },
  first,
  last,
  timezone,
}: {
  bundle: Bundle
  first: number | null
  last: number | null
  timezone: string
}): (number | null)[] {
  const rows = new Array<number>(24).fill(0)
  const bins = new Array<number>(24).fill(0)
  if (first !== null && last !== null) {
    for (let bin = first; bin <= last; bin += BIN_MS) {
      const hour = localHour({ utc: bin, timezone })
      bins[hour]! += 1
      rows[hour]! += motion.bins.get(bin / BIN_MS)?.rows ?? 0
    }
  }
  const stations = motion.stations.size
  return bins.map((expected, hour) =>
    expected === 0 || stations === 0 ? null : percent(rows[hour]!, expected * stations),
  )
}

/** Three decimals: finer than one bin of one station in a week, and readable. */
function percent(part: number, whole: number): number {
  return Math.round((100_000 * part) / whole) / 1000
}

/** Of percentages with three decimals: summed as whole thousandths, so that no order of stations shows. */
function mean(percentages: readonly number[]): number | null {
  if (percentages.length === 0) return null
  const thousandths = percentages.reduce((sum, value) => sum + Math.round(value * 1000), 0)
  return Math.round(thousandths / percentages.length) / 1000
}

function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
