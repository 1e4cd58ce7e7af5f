import { BIN_MS } from '../bin.ts'
import { isClosed } from '../levels.ts'
import type { Aggregate, FinalRow, Json } from './aggregate.ts'
import { differ, joinSegments, type Run, type Segment } from './segment.ts'

/** Of one bin: stations with a row; those that also have one in the bin before; those of them that changed. */
interface BinMotion {
  rows: number
  compared: number
  changed: number
}

/** Bins are counted in units of BIN_MS since the epoch. */
export interface MotionState {
  bins: Map<number, BinMotion>
  /** Sorted, apart by at least one bin. */
  stations: Map<string, Segment[]>
}

/**
 * What a station shows: the counts of `hasChanged`, and a leading `!` when it is not in service, for then standing
 * still means nothing.
 */
function motionValue(row: FinalRow): string {
  const counts = `${row.bikes ?? ''}/${row.docks ?? ''}/${row.mechanical}/${row.ebike}`
  return isClosed(row) ? `!${counts}` : counts
}

/**
 * Which bins each station has, how long it stood still, and how much of the network moved in each bin: coverage,
 * flat runs and the changed share come from this one state. Runs and comparisons go on across the borders of merged parts.
 * Holds one segment for each unbroken stretch of a station's bins: about 150 bytes each, and 32 for each long run.
 */
export const motion: Aggregate<MotionState, FinalRow> = {
  kind: 'motion',
  version: 1,
  empty: () => ({ bins: new Map(), stations: new Map() }),
  add(state, row) {
    const bin = Math.floor(row.ts_utc / BIN_MS)
    binOf(state, bin).rows += 1
    const value = motionValue(row)
    insert(state, row.station_id, {
      start: bin,
      end: bin,
      firstEnd: bin,
      firstValue: value,
      lastStart: bin,
      lastValue: value,
      changes: 0,
      runs: [],
    })
  },
  merge(a, b) {
    const merged: MotionState = { bins: new Map(), stations: new Map() }
    for (const part of [a, b]) {
      for (const [bin, { rows, compared, changed }] of part.bins) {
        const own = binOf(merged, bin)
        own.rows += rows
        own.compared += compared
        own.changed += changed
      }
    }
    for (const [station, segments] of a.stations) merged.stations.set(station, [...segments])
    for (const [station, segments] of b.stations) {
      if (!merged.stations.has(station)) merged.stations.set(station, [...segments])
      else for (const segment of segments) insert(merged, station, segment)
    }
    return merged
  },
  encode(state) {
    const bins = [...state.bins]
      .sort(([a], [b]) => a - b)
      .map(([bin, { rows, compared, changed }]) => [bin, rows, compared, changed])
    const stations = [...state.stations]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([station, segments]) => [station, segments.map(encodeSegment)] as Json)
    return { bins, stations }
  },
  decode(json) {
    const stored = json as { bins: number[][]; stations: [string, Json[][]][] }
    return {
      bins: new Map(
        stored.bins.map(([bin, rows, compared, changed]) => [
          bin!,
          { rows: rows!, compared: compared!, changed: changed! },
        ]),
      ),
      stations: new Map(stored.stations.map(([station, segments]) => [station, segments.map(decodeSegment)])),
    }
  },
}

function binOf(state: MotionState, bin: number): BinMotion {
  let found = state.bins.get(bin)
  if (found === undefined) {
    found = { rows: 0, compared: 0, changed: 0 }
    state.bins.set(bin, found)
  }
  return found
}

function insert(state: MotionState, station: string, segment: Segment): void {
  let segments = state.stations.get(station)
  if (segments === undefined) {
    segments = []
    state.stations.set(station, segments)
  }
  let at = segments.length
  while (at > 0 && segments[at - 1]!.start > segment.start) at -= 1
  const before = segments[at - 1]
  const after = segments[at]
  if ((before && before.end >= segment.start) || (after && after.start <= segment.end)) {
    throw new RangeError(
      `motion has the bin already, each final row is added once: ${station} ${segment.start}`,
    )
  }
  let joined = segment
  let from = at
  let until = at
  if (before && before.end + 1 === joined.start) {
    joined = joinCounted(state, before, joined)
    from = at - 1
  }
  if (after && joined.end + 1 === after.start) {
    joined = joinCounted(state, joined, after)
    until = at + 1
  }
  segments.splice(from, until - from, joined)
}

function joinCounted(state: MotionState, a: Segment, b: Segment): Segment {
  const border = binOf(state, b.start)
  border.compared += 1
  if (differ(a.lastValue, b.firstValue)) border.changed += 1
  return joinSegments(a, b)
}

function encodeSegment(segment: Segment): Json {
  const { start, end, firstEnd, firstValue, lastStart, lastValue, changes, runs } = segment
  return [
    start,
    end,
    firstEnd,
    firstValue,
    lastStart,
    lastValue,
    changes,
    runs.map((run) => [run.start, run.end, run.value]),
  ]
}

function decodeSegment(json: Json[]): Segment {
  const [start, end, firstEnd, firstValue, lastStart, lastValue, changes, runs] = json as [
    number,
    number,
    number,
    string,
    number,
    string,
    number,
    [number, number, string][],
  ]
  return {
    start,
    end,
    firstEnd,
    firstValue,
    lastStart,
    lastValue,
    changes,
    runs: runs.map(([from, to, value]): Run => ({ start: from, end: to, value })),
  }
}
