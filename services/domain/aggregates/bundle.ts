import type { PollRecord } from '../poll.ts'
import type { Aggregate, FinalRow, Json } from './aggregate.ts'
import { POLL_AGGREGATES, ROW_AGGREGATES } from './registry.ts'

const ALL = { ...ROW_AGGREGATES, ...POLL_AGGREGATES }
type All = typeof ALL
type StateOf<A> =
  A extends Aggregate<infer State, never> ? State : A extends { empty(): infer State } ? State : never

/** One state of every aggregate: an hour's, a day's or a window's facts about one system. */
export type Bundle = { [Name in keyof All]: StateOf<All[Name]> }

type Name = keyof All
type Untyped = Aggregate<unknown, unknown>
const entries = Object.entries(ALL) as [Name, Untyped][]
const rowEntries = Object.entries(ROW_AGGREGATES) as unknown as [Name, Aggregate<unknown, FinalRow>][]
const pollEntries = Object.entries(POLL_AGGREGATES) as unknown as [Name, Aggregate<unknown, PollRecord>][]

function build(state: (name: Name, aggregate: Untyped) => unknown): Bundle {
  return Object.fromEntries(entries.map(([name, aggregate]) => [name, state(name, aggregate)])) as Bundle
}

export function emptyBundle(): Bundle {
  return build((_name, aggregate) => aggregate.empty())
}

/** Adds the final row of a closed bin, once. */
export function addRow(bundle: Bundle, row: FinalRow): void {
  for (const [name, aggregate] of rowEntries) aggregate.add(bundle[name], row)
}

/** Adds a poll record, once a delivery. */
export function addPoll(bundle: Bundle, poll: PollRecord): void {
  for (const [name, aggregate] of pollEntries) aggregate.add(bundle[name], poll)
}

export function mergeBundles(a: Bundle, b: Bundle): Bundle {
  return build((name, aggregate) => aggregate.merge(a[name], b[name]))
}

/** Merges in pairs, so that many small parts cost log(n) copies of a state, not n. */
export function mergeAll(bundles: readonly Bundle[]): Bundle {
  if (bundles.length === 0) return emptyBundle()
  let parts = [...bundles]
  while (parts.length > 1) {
    const next: Bundle[] = []
    for (let at = 0; at < parts.length; at += 2) {
      const left = parts[at]!
      const right = parts[at + 1]
      next.push(right === undefined ? left : mergeBundles(left, right))
    }
    parts = next
  }
  return parts[0]!
}

/** By kind: `{ version, state }`. */
export function encodeBundle(bundle: Bundle): Json {
  return Object.fromEntries(
    entries.map(([name, { kind, version, encode }]) => [kind, { version, state: encode(bundle[name]) }]),
  )
}

/** Null when a kind is missing or of another version: the hour has to be computed anew from Parquet. */
export function decodeBundle(json: Json): Bundle | null {
  const stored = json as Record<string, { version: number; state: Json } | undefined>
  if (entries.some(([, { kind, version }]) => stored[kind]?.version !== version)) return null
  return build((_name, { kind, decode }) => decode(stored[kind]!.state))
}
