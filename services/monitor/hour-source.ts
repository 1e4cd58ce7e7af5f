import type { Bundle } from '../domain/aggregates/bundle.ts'
import type { ValuesState } from '../domain/aggregates/values.ts'
import type { BinChange } from '../domain/frozen.ts'

/** Hour aggregates of one system, wherever they come from: the archive that the stream keeps, or Parquet. */
export interface HourSource {
  /** Hours that have an aggregate, from `start` up to `end` (not in it), ascending, epoch ms. */
  hours(start: number, end: number): number[]
  merged(hours: readonly number[]): Promise<Bundle>
  values(hours: readonly number[]): Promise<ValuesState>
  /** Changes by bin as each hour knows them by itself: its first bin has nothing before it. */
  changes(hours: readonly number[]): Promise<BinChange[]>
}
