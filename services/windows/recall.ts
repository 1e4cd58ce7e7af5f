import { BIN_MS, DAY_MS, floorDay } from '../domain/bin.ts'
import type { Observation } from '../domain/observation.ts'
import { RING_SLOTS } from '../domain/window.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { openDuckDb } from '../platform/parquet/duckdb.ts'
import { finalRows, observationFiles } from '../platform/parquet/observation-files.ts'

/**
 * What Parquet has of a system's bins that a ring holds before bin T (`tbin`, epoch ms), fetched up to the poll that is
 * at work: nothing of that poll's future. Holds these rows: 72 bins of every station.
 */
export async function recall({
  objects,
  system,
  tbin,
  fetchedThrough,
}: {
  objects: ObjectStore
  system: string
  tbin: number
  fetchedThrough: number
}): Promise<Observation[]> {
  const days: { start: number; end: number }[] = []
  for (let start = tbin - (RING_SLOTS - 1) * BIN_MS; start < tbin; start = floorDay(start) + DAY_MS) {
    days.push({ start, end: Math.min(tbin, floorDay(start) + DAY_MS) })
  }
  const listed = await Promise.all(days.map((span) => observationFiles(objects, system, span)))
  if (listed.flat().length === 0) return []
  const database = await openDuckDb({ threads: 1 })
  try {
    const observations: Observation[] = []
    for (const span of days) {
      for (const row of await finalRows({ objects, database, system, span, fetchedThrough })) {
        observations.push({ ...row, system, poll_index: 0, poll_count: 1 })
      }
    }
    return observations
  } finally {
    await database.close()
  }
}
