import { type Bundle, emptyBundle } from '../domain/aggregates/bundle.ts'
import { HOUR_MS } from '../domain/bin.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { openParquetHistory } from './parquet-history.ts'
import { hourBundles } from './rebuild.ts'

/** One hour's bundle from Parquet, its bins up to `through` (epoch ms). */
export async function recomputeHour({
  objects,
  system,
  hour,
  through = hour + HOUR_MS,
}: {
  objects: ObjectStore
  system: string
  hour: number
  through?: number
}): Promise<Bundle> {
  const history = await openParquetHistory({ objects, system })
  try {
    const bundles = await hourBundles(history, { start: hour, end: Math.min(hour + HOUR_MS, through) })
    return bundles.get(hour) ?? emptyBundle()
  } finally {
    await history.close()
  }
}
