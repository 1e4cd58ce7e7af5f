import { z } from 'zod'
import { forecastLedgerPath, sinkLedgerPath } from '../../platform/object-store/layout.ts'
import type { ObjectStore } from '../../platform/object-store/port.ts'

const rowsLedger = z.looseObject({
  systems: z.record(
    z.string(),
    z.looseObject({ next_offset: z.number(), closed_through: z.number().nullable() }),
  ),
})
const forecastsLedger = z.looseObject({
  systems: z.record(z.string(), z.looseObject({ closed_through: z.number().nullable() })),
})

/** What of a system the sink has made durable. */
export interface DurableProgress {
  /** Every observation below this status offset is in Parquet. */
  rowsBelow: number
  /** Bins that end by then are closed and in Parquet, epoch ms. */
  rowsThrough: number
  /** Bins before it have all their forecasts of record in Parquet, epoch ms. */
  forecastsThrough: number
}

/** By system, as the sink's two ledgers of a partition say; systems that lack either are left out. */
export async function durableProgress(
  objects: ObjectStore,
  partition: number,
): Promise<Map<string, DurableProgress>> {
  const [rows, forecasts] = await Promise.all([
    objects.get(sinkLedgerPath(partition)),
    objects.get(forecastLedgerPath(partition)),
  ])
  const progress = new Map<string, DurableProgress>()
  if (rows === null || forecasts === null) return progress
  const ofRows = rowsLedger.parse(JSON.parse(rows.bytes.toString())).systems
  const ofForecasts = forecastsLedger.parse(JSON.parse(forecasts.bytes.toString())).systems
  for (const [system, { closed_through: forecastsThrough }] of Object.entries(ofForecasts)) {
    const own = ofRows[system]
    if (own === undefined || own.closed_through === null || forecastsThrough === null) continue
    const { next_offset: rowsBelow, closed_through: rowsThrough } = own
    progress.set(system, { rowsBelow, rowsThrough, forecastsThrough })
  }
  return progress
}
