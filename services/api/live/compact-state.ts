import type { LookUp, SystemLookUp } from '../../platform/look-up-store/port.ts'

/** One station as the columns name it. */
export type CompactRow = (string | number | null)[]

/**
 * Payload of an `update` event. When `full` is false, `rows` holds only the stations that changed since the event
 * before it on the same stream, and `removed` those that went; apply it to that state.
 */
export interface CompactState {
  full: boolean
  /** Sequence of the publish that this shows; null while the system waits for its first poll. */
  sequence: number | null
  system: string
  name: string | null
  /** IANA time zone of the system's local time. */
  timezone: string
  /** Null while the system waits for its first poll. */
  state: SystemLookUp | null
  /** Seconds after `ts_utc` from which a reader must show live data as stale. */
  stale_after_s: number
  /** Seconds after `ts_utc` from which a reader must not show the forecasts of live data. */
  withhold_after_s: number
  /** Names of a row's values, in order: `STATION_COLUMNS`, then `bikes_<h>`, `docks_<h>` of each horizon. */
  columns: string[]
  rows: CompactRow[]
  removed: string[]
}

/** `behind_s` is how much older than the poll the station's values are; `stale` is that of its forecast, 0 or 1. */
const STATION_COLUMNS = [
  'station_id',
  'name',
  'lat',
  'lon',
  'capacity',
  'bikes',
  'docks',
  'mechanical',
  'ebike',
  'in_service',
  'behind_s',
  'stale',
] as const

export function compactColumns(horizons: number[]): string[] {
  return [...STATION_COLUMNS, ...horizons.flatMap((horizon) => [`bikes_${horizon}`, `docks_${horizon}`])]
}

/** A look-up as a row of `compactColumns`. Degrees keep five decimals (1 m). */
export function compactRow({ lookUp, state }: { lookUp: LookUp; state: SystemLookUp }): CompactRow {
  const forecasts = state.horizons.flatMap((horizon) => {
    const found = lookUp.forecast?.horizons.find(({ horizon_min }) => horizon_min === horizon)
    return [found?.bikes_median ?? null, found?.docks_median ?? null]
  })
  return [
    lookUp.station_id,
    lookUp.name,
    fiveDecimals(lookUp.lat),
    fiveDecimals(lookUp.lon),
    lookUp.capacity,
    lookUp.bikes,
    lookUp.docks,
    lookUp.mechanical,
    lookUp.ebike,
    lookUp.in_service ? 1 : 0,
    Math.max(0, Math.round((state.ts_utc - lookUp.ts_utc) / 1000)),
    lookUp.forecast?.stale === true ? 1 : 0,
    ...forecasts,
  ]
}

function fiveDecimals(degrees: number | null): number | null {
  return degrees === null ? null : Math.round(degrees * 1e5) / 1e5
}

/** Rows by station id, as JSON: what the next update is compared with. About 150 bytes a station. */
export type RowTexts = ReadonlyMap<string, string>

export function rowTexts(rows: CompactRow[]): RowTexts {
  return new Map(rows.map((row) => [String(row[0]), JSON.stringify(row)]))
}

/** What takes `before` to `after`: JSON of the rows that are new or changed, and the ids that went. */
export function rowChanges({ before, after }: { before: RowTexts; after: RowTexts }): {
  rows: string[]
  removed: string[]
} {
  const rows: string[] = []
  for (const [id, text] of after) if (before.get(id) !== text) rows.push(text)
  const removed = [...before.keys()].filter((id) => !after.has(id))
  return { rows, removed }
}

/** JSON of a `CompactState` whose rows are JSON already. */
export function compactStateText({
  head,
  rows,
  removed,
}: {
  head: Omit<CompactState, 'rows' | 'removed'>
  rows: Iterable<string>
  removed: string[]
}): string {
  const open = JSON.stringify(head).slice(0, -1)
  return `${open},"rows":[${[...rows].join(',')}],"removed":${JSON.stringify(removed)}}`
}
