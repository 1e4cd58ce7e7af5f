import { binName, dayName } from '../../domain/bin.ts'

/** Where everything lies below the store's root, one function a kind of object. Times are epoch ms, names are UTC. */

export function bronzePrefix(system: string): string {
  return `${system}/bronze/`
}

export function bronzeDayPrefix(system: string, day: string): string {
  return `${bronzePrefix(system)}date=${day}/`
}

/** `content` is the first 12 hex digits of the content's SHA-256. */
export function bronzePath({
  system,
  bin,
  content,
}: {
  system: string
  bin: number
  content: string
}): string {
  const stem = binName(bin)
  return `${bronzeDayPrefix(system, stem.slice(0, 10))}hour=${stem.slice(11, 13)}/${stem}-${content}.parquet`
}

/** The day (`YYYY-MM-DD`) of a bronze part's path, null when it is none. */
export function bronzeDay(path: string): string | null {
  return /\/bronze\/date=(\d{4}-\d{2}-\d{2})\/hour=\d{2}\/[^/]+\.parquet$/.exec(path)?.[1] ?? null
}

export function pollsPath(options: { system: string; firstFetched: number; content: string }): string {
  const { system, firstFetched, content } = options
  const stem = new Date(firstFetched).toISOString().slice(0, 19).replaceAll(':', '-')
  return `${system}/polls/date=${dayName(firstFetched)}/${stem}-${content}.parquet`
}

export function dailyPrefix(system: string): string {
  return `${system}/daily/compact_`
}

export function dailyPath(system: string, day: string): string {
  return `${dailyPrefix(system)}${day}.parquet`
}

export function monthlyPrefix(system: string): string {
  return `${system}/monthly/compact_`
}

export function monthlyPath(system: string, month: string): string {
  return `${monthlyPrefix(system)}${month}.parquet`
}

export function eventsPrefix(system: string): string {
  return `${system}/exports/events_`
}

export function eventsPath(system: string, day: string): string {
  return `${eventsPrefix(system)}${day}.parquet`
}

export function rollingEventsPath(system: string): string {
  return `${system}/exports/events.parquet`
}

export function perfPrefix(system: string): string {
  return `${system}/exports/perf_`
}

export function perfPath(system: string, day: string): string {
  return `${perfPrefix(system)}${day}.parquet`
}

export function rollingPerfPath(system: string): string {
  return `${system}/exports/perf.parquet`
}

/** Parts of forecasts of record. */
export function forecastPartsPrefix(system: string): string {
  return `${system}/forecasts/`
}

export function forecastPartsDayPrefix(system: string, day: string): string {
  return `${forecastPartsPrefix(system)}date=${day}/`
}

/** `content` is the first 12 hex digits of the content's SHA-256. */
export function forecastPartPath(part: { system: string; bin: number; content: string }): string {
  const stem = binName(part.bin)
  return `${forecastPartsDayPrefix(part.system, stem.slice(0, 10))}hour=${stem.slice(11, 13)}/${stem}-${part.content}.parquet`
}

/** The bin (epoch ms) of a part of forecasts of record, null when the path is none. */
export function forecastPartBin(path: string): number | null {
  const stem =
    /\/forecasts\/date=[^/]+\/hour=\d{2}\/(\d{4}-\d{2}-\d{2}T\d{2})-(\d{2})-[0-9a-f]+\.parquet$/.exec(path)
  return stem === null ? null : Date.parse(`${stem[1]}:${stem[2]}:00Z`)
}

const FORECAST_LEDGER_PREFIX = 'ledger/forecasts/p'

/** What of a partition's forecasts of record is durable. */
export function forecastLedgerPath(partition: number): string {
  return `${FORECAST_LEDGER_PREFIX}${partition}.json`
}

export function leasePath(system: string, job: string): string {
  return `${system}/leases/${job}.json`
}

export const SINK_LEDGER_PREFIX = 'ledger/sink/p'

export function sinkLedgerPath(partition: number): string {
  return `${SINK_LEDGER_PREFIX}${partition}.json`
}

/** A system's trained packs. Those of every system, persistence among them, are below `models/`. */
export function trainedModelsPrefix(system: string): string {
  return `${system}/models/`
}

/** The list of a system's trained versions, which goes before that of every system. */
export function trainedModelListPath(system: string): string {
  return `${trainedModelsPrefix(system)}latest.json`
}

export function trainedPackDirectory(pack: { system: string; horizon: number; version: string }): string {
  return `${trainedModelsPrefix(pack.system)}h${pack.horizon}/${pack.version}`
}
