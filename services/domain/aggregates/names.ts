import { BIN_MS } from '../bin.ts'
import type { Aggregate, FinalRow } from './aggregate.ts'

/** Station → the newest bin (units of BIN_MS) in which it had a name, and that name. */
export type NamesState = Map<string, { bin: number; name: string }>

function take(state: NamesState, station: string, bin: number, name: string): void {
  const known = state.get(station)
  if (known === undefined || known.bin < bin || (known.bin === bin && known.name < name)) {
    state.set(station, { bin, name })
  }
}

/** The newest name of each station; one entry a station. */
export const names: Aggregate<NamesState, FinalRow> = {
  kind: 'names',
  version: 1,
  empty: () => new Map(),
  add(state, row) {
    if (row.name !== null) take(state, row.station_id, Math.floor(row.ts_utc / BIN_MS), row.name)
  },
  merge(a, b) {
    const merged: NamesState = new Map(a)
    for (const [station, { bin, name }] of b) take(merged, station, bin, name)
    return merged
  },
  encode: (state) =>
    [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([station, { bin, name }]) => [station, bin, name]),
  decode: (json) =>
    new Map((json as [string, number, string][]).map(([station, bin, name]) => [station, { bin, name }])),
}
