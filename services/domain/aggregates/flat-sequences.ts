import { BIN_MS } from '../bin.ts'
import type { BinChange } from '../frozen.ts'
import type { MotionState } from './motion.ts'
import { BRIDGED_BINS, type FlatStretch, flatStretches, stationChanges } from './motion-view.ts'
import { isClosedValue, type Segment } from './segment.ts'

/**
 * Changes that must be missing before a standing station is suspect. Chance alone (Poisson) leaves out 30 with
 * e^-30; the margin is for stations whose own day differs from the network's, whose changes come in clusters.
 */
export const FLAT_EXPECTED_CHANGES = 30
/**
 * At a wall (no bike, or no dock) only half of the moves are possible, and the walls are where stations rest for
 * a whole working day: three times as much must be missing.
 */
export const WALL_FACTOR = 3
/** One change of prior in one expected change: a station never seen to move is taken for an average one. */
const PRIOR_CHANGES = 1

export interface FlatSequence {
  station_id: string
  /** First and last bin, epoch ms. */
  start: number
  end: number
  /** Bins in it that have a row. */
  steps: number
  /** Changes that this station would have shown meanwhile. */
  expected: number
}

/**
 * Stations that stood still while they would have moved. What a station would have shown in a stretch is the sum of
 * the network's changed shares in those very bins, times how lively the station is outside of the stretch. So a night,
 * a frozen feed or a hole adds nothing, whatever its length, since nothing moved anywhere; a closed station is left
 * out; and a quiet station needs a longer rest than a lively one. Longest first.
 */
export function flatSequences({
  motion,
  changes,
}: {
  motion: MotionState
  changes: readonly BinChange[]
}): FlatSequence[] {
  const expectedUntil = cumulativeShares(changes)
  const between = ({ start, end }: { start: number; end: number }): number =>
    (expectedUntil.get(end) ?? 0) - (expectedUntil.get(start) ?? 0)
  const found: FlatSequence[] = []
  for (const [station_id, segments] of motion.stations) {
    const stretches = flatStretches(segments)
    const closed = stretches.filter(({ value }) => isClosedValue(value))
    const exposure = exposureOf(segments, between) - closed.reduce((sum, run) => sum + between(run), 0)
    const changed = stationChanges(segments)
    for (const stretch of stretches) {
      if (isClosedValue(stretch.value)) continue
      const share = between(stretch)
      const liveliness = (changed + PRIOR_CHANGES) / (Math.max(0, exposure - share) + PRIOR_CHANGES)
      const expected = liveliness * share
      if (expected < FLAT_EXPECTED_CHANGES * (isAtWall(stretch) ? WALL_FACTOR : 1)) continue
      const { start, end, steps } = stretch
      found.push({ station_id, start: start * BIN_MS, end: end * BIN_MS, steps, expected })
    }
  }
  return found.sort(
    (a, b) =>
      b.end - b.start - (a.end - a.start) || (a.station_id < b.station_id ? -1 : 1) || a.start - b.start,
  )
}

/** Sum of the changed shares of all bins up to each bin. */
function cumulativeShares(changes: readonly BinChange[]): Map<number, number> {
  const sums = new Map<number, number>()
  let sum = 0
  for (const { bin, changed, stations } of changes) {
    if (stations > 0) sum += changed / stations
    sums.set(bin / BIN_MS, sum)
  }
  return sums
}

function exposureOf(
  segments: readonly Segment[],
  between: (bins: { start: number; end: number }) => number,
): number {
  return segments.reduce((sum, segment, index) => {
    const before = segments[index - 1]
    const bridged = before !== undefined && segment.start - before.end <= BRIDGED_BINS + 1
    return sum + between(segment) + (bridged ? between({ start: before.end, end: segment.start }) : 0)
  }, 0)
}

function isAtWall({ value }: FlatStretch): boolean {
  const [bikes, docks] = value.split('/')
  return bikes === '0' || docks === '0'
}
