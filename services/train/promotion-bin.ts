import { BIN_MS, floorBin } from '../domain/bin.ts'
import { versionsInForce } from '../domain/model-pack.ts'
import { SINK_LEDGER_PREFIX, trainedModelListPath } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { readModelList } from '../platform/onnx/model-list.ts'
import type { Platform } from '../platform/service.ts'

/** Bins between the newest data and the first forecast of a new version: forecast services look for one every 30 s. */
const AHEAD_BINS = 2

/**
 * The first bin that a version which is promoted now forecasts, epoch ms: ahead of the system's newest published bin, of
 * what is in Parquet, and not before the newest promotion. By the data's time, never by the clock: a replay's is another.
 */
export async function promotionBin({
  platform: { objects, lookUps },
  system,
  cutOff,
}: {
  platform: Pick<Platform, 'objects' | 'lookUps'>
  system: string
  /** Nothing from this time on was known when the version was trained: no forecast of it may come before, epoch ms. */
  cutOff: number
}): Promise<number> {
  const published = await lookUps.system(system)
  const { list } = await readModelList(objects, trainedModelListPath(system))
  const newest = versionsInForce(list, Number.POSITIVE_INFINITY)[0]
  const seen = Math.max(cutOff, published?.tbin_utc ?? 0, await sunkThrough(objects, system))
  const ahead = floorBin(seen) + AHEAD_BINS * BIN_MS
  return Math.max(ahead, newest === undefined ? 0 : Date.parse(newest.effective_from))
}

/** The system's watermark by the sink's ledgers; 0 where none has it. */
async function sunkThrough(objects: Pick<ObjectStore, 'list' | 'get'>, system: string): Promise<number> {
  let through = 0
  for (const { path } of await objects.list(SINK_LEDGER_PREFIX)) {
    const object = await objects.get(path)
    if (object === null) continue
    try {
      const ledger = JSON.parse(object.bytes.toString('utf8')) as {
        systems?: Record<string, { watermark?: number | null }>
      }
      through = Math.max(through, ledger.systems?.[system]?.watermark ?? 0)
    } catch {}
  }
  return through
}
