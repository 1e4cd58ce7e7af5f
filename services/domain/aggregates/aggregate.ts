import type { Observation } from '../observation.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** The final row of a station in a closed bin, as Parquet holds it. Its bin is floor5(ts_utc). */
export type FinalRow = Omit<Observation, 'system' | 'poll_index' | 'poll_count'>

/**
 * A metric that can be merged (law 4). For any way to cut the rows into parts, in any order:
 * `merge` is associative and commutative, `empty()` is neutral, and merging the parts' states equals adding every
 * row to one state. States hold whole numbers and text only, so equal rows encode to equal bytes.
 */
export interface Aggregate<State, Row> {
  /** Name below `aggregates` of a stored hour; never reused for another meaning. */
  readonly kind: string
  /** Raised when the state's meaning changes: stored hours of another version are recomputed from Parquet. */
  readonly version: number
  empty(): State
  /** Adds in place. Each row is added once. */
  add(state: State, row: Row): void
  /** A new state; neither input is changed. The inputs hold different rows. */
  merge(a: State, b: State): State
  /** Sorted, so that equal states give equal text. */
  encode(state: State): Json
  decode(json: Json): State
}
