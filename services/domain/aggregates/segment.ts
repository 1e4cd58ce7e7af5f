/** Bins (units of BIN_MS) from `start` to `end`, both included, in which a station showed one value. */
export interface Run {
  start: number
  end: number
  /** As `motionValue` gives it. */
  value: string
}

/**
 * An unbroken stretch of a station's bins. The runs at its two edges are kept as they are, since a neighbour may
 * lengthen them; of the runs between only those of LONG_RUN_BINS or more are kept.
 */
export interface Segment {
  start: number
  end: number
  /** Last bin of the run that begins at `start`; `end` when the whole segment is one run. */
  firstEnd: number
  firstValue: string
  /** First bin of the run that ends at `end`. */
  lastStart: number
  lastValue: string
  /** Changes of the counts from one bin to the next. */
  changes: number
  /** Long runs that touch neither edge, in order. Never changed in place. */
  runs: readonly Run[]
}

/** Half an hour, the reference's shortest flat sequence: shorter runs say nothing and would be most of the memory. */
export const LONG_RUN_BINS = 6

/** True for a value of a station that is not in service. */
export function isClosedValue(value: string): boolean {
  return value.startsWith('!')
}

/** True when the counts of two values differ, whatever their service. */
export function differ(a: string, b: string): boolean {
  if (a === b) return false
  return (isClosedValue(a) ? a.slice(1) : a) !== (isClosedValue(b) ? b.slice(1) : b)
}

/** Joins two segments where `b` begins in the bin after `a` ends. Associative. */
export function joinSegments(a: Segment, b: Segment): Segment {
  const same = a.lastValue === b.firstValue
  const aSingle = a.firstEnd === a.end
  const bSingle = b.firstEnd === b.end
  const between: Run[] = []
  if (same) {
    if (!aSingle && !bSingle) keep(between, { start: a.lastStart, end: b.firstEnd, value: a.lastValue })
  } else {
    if (!aSingle) keep(between, { start: a.lastStart, end: a.end, value: a.lastValue })
    if (!bSingle) keep(between, { start: b.start, end: b.firstEnd, value: b.firstValue })
  }
  return {
    start: a.start,
    end: b.end,
    firstEnd: !aSingle ? a.firstEnd : same ? b.firstEnd : a.end,
    firstValue: a.firstValue,
    lastStart: !bSingle ? b.lastStart : same ? a.lastStart : b.start,
    lastValue: b.lastValue,
    changes: a.changes + b.changes + (differ(a.lastValue, b.firstValue) ? 1 : 0),
    runs:
      between.length === 0 && b.runs.length === 0
        ? a.runs
        : a.runs.length === 0 && between.length === 0
          ? b.runs
          : [...a.runs, ...between, ...b.runs],
  }
}

function keep(runs: Run[], run: Run): void {
  if (run.end - run.start + 1 >= LONG_RUN_BINS) runs.push(run)
}
