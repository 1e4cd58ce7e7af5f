import { BIN_MS } from '../bin.ts'
import type { MotionState } from './motion.ts'
import type { PollTimelineState } from './poll-timeline.ts'

/** Shortest hole worth a word: 15 minutes, the shortest horizon; below it a forecast still has its newest bin. */
export const LEAST_HOLE_BINS = 3
/** A feed that brings rows every k bins has holes of k - 1; only three times its own spacing is a fault. */
const HOLE_SPACINGS = 3

/**
 * `missing`: no poll of the bin was answered (or none was made). `stale`: polls were answered, and brought nothing
 * newer: the feed stood still. A bin between two polls, of a feed that is polled less often than every bin, is what the
 * bins around it are.
 */
export interface Hole {
  cause: 'missing' | 'stale'
  /** First and last bin, epoch ms. */
  start: number
  end: number
  bins: number
  /** True when it is longer than the feed's own rhythm explains. */
  fault: boolean
}

/** Median of the bins from one bin with rows to the next; 1 when there are too few. */
function binSpacing(observed: readonly number[]): number {
  const spacings = observed.slice(1).map((bin, index) => bin - observed[index]!)
  spacings.sort((a, b) => a - b)
  return spacings[Math.floor(spacings.length / 2)] ?? 1
}

/**
 * Stretches of bins in which no station has a row, cut where their cause changes, in order. `from` (first bin) and
 * `until` (the bin after the last) are epoch ms.
 */
export function holes({
  motion,
  polls,
  from,
  until,
}: {
  motion: MotionState
  polls: PollTimelineState
  from: number
  until: number
}): Hole[] {
  const observed = [...motion.bins.keys()].sort((a, b) => a - b)
  const spacing = binSpacing(observed)
  const least = Math.max(LEAST_HOLE_BINS, HOLE_SPACINGS * spacing)
  const found: Hole[] = []
  let polled = Number.NEGATIVE_INFINITY
  for (let bin = Math.floor(from / BIN_MS); bin < Math.floor(until / BIN_MS); bin += 1) {
    const made = polls.has(bin)
    if (made) polled = bin
    if (motion.bins.has(bin)) continue
    const open = found.at(-1)
    const goesOn = open !== undefined && open.end === (bin - 1) * BIN_MS
    const between = !made && bin - polled < spacing
    const said = (polls.get(bin)?.answered ?? 0) > 0 ? 'stale' : 'missing'
    const cause = goesOn && between ? open.cause : said
    if (goesOn && open.cause === cause) {
      open.end = bin * BIN_MS
      open.bins += 1
    } else {
      found.push({ cause, start: bin * BIN_MS, end: bin * BIN_MS, bins: 1, fault: false })
    }
  }
  for (const hole of found) hole.fault = hole.bins >= least
  return found
}
