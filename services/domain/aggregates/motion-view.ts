import { BIN_MS } from '../bin.ts'
import type { BinChange } from '../frozen.ts'
import type { MotionState } from './motion.ts'
import { differ, LONG_RUN_BINS, type Run, type Segment } from './segment.ts'

/**
 * A run goes on over a hole of at most an hour without rows: feeds that are polled every ten minutes have a hole in
 * every second bin. Over longer holes nothing is known.
 */
export const BRIDGED_BINS = 12

/** A flat stretch of a station; bins in units of BIN_MS. */
export interface FlatStretch extends Run {
  /** Bins in it that have a row. */
  steps: number
}

/**
 * Changes by bin, in order: within a state's unbroken stretches as they were counted, and over holes from the bin
 * that the network was observed in before. The first bin observed has nothing before it.
 */
export function binChanges(motion: MotionState): BinChange[] {
  const bins = [...motion.bins.keys()].sort((a, b) => a - b)
  const before = new Map(bins.map((bin, index) => [bin, bins[index - 1]]))
  const across = new Map<number, { changed: number; compared: number }>()
  for (const segments of motion.stations.values()) {
    for (let index = 1; index < segments.length; index += 1) {
      const { start, firstValue } = segments[index]!
      const { end, lastValue } = segments[index - 1]!
      if (before.get(start) !== end) continue
      const counts = across.get(start) ?? { changed: 0, compared: 0 }
      counts.compared += 1
      if (differ(lastValue, firstValue)) counts.changed += 1
      across.set(start, counts)
    }
  }
  return bins.map((bin) => {
    const { compared, changed } = motion.bins.get(bin)!
    const more = across.get(bin)
    return {
      bin: bin * BIN_MS,
      changed: changed + (more?.changed ?? 0),
      stations: compared + (more?.compared ?? 0),
    }
  })
}

/** Changes of a station's counts in all its stretches and over the holes between them. */
export function stationChanges(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment, index) => {
    const before = segments[index - 1]
    return sum + segment.changes + (before && differ(before.lastValue, segment.firstValue) ? 1 : 0)
  }, 0)
}

/** The long flat stretches of a station, holes of at most BRIDGED_BINS bridged, in order. */
export function flatStretches(segments: readonly Segment[]): FlatStretch[] {
  const stretches: FlatStretch[] = []
  let open: FlatStretch | null = null
  for (const segment of segments) {
    const edges = edgeRuns(segment)
    const [first] = edges
    const goesOn: boolean =
      open !== null && open.value === first.value && first.start - open.end <= BRIDGED_BINS + 1
    const opened: FlatStretch = goesOn
      ? { ...open!, end: first.end, steps: open!.steps + length(first) }
      : { ...first, steps: length(first) }
    if (open !== null && !goesOn) stretches.push(open)
    const last = edges[1]
    if (last === null) {
      open = opened
      continue
    }
    stretches.push(opened, ...segment.runs.map((run) => ({ ...run, steps: length(run) })))
    open = { ...last, steps: length(last) }
  }
  if (open !== null) stretches.push(open)
  return stretches.filter(({ start, end }) => end - start + 1 >= LONG_RUN_BINS)
}

function edgeRuns({ start, end, firstEnd, firstValue, lastStart, lastValue }: Segment): [Run, Run | null] {
  const first = { start, end: firstEnd, value: firstValue }
  return firstEnd === end ? [first, null] : [first, { start: lastStart, end, value: lastValue }]
}

function length({ start, end }: Run): number {
  return end - start + 1
}
