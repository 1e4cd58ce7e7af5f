import { z } from 'zod'
import { forecastLedgerPath } from '../../platform/object-store/layout.ts'
import type { ObjectStore } from '../../platform/object-store/port.ts'
import { OwnedLedger } from '../owned-ledger.ts'

const whole = z.number().int().min(0)

const systemSchema = z.object({
  /** Bins before it have all their forecasts of record, and those are durable, epoch ms. */
  closed_through: z.number().nullable(),
  /** The newest bin that was sealed, and the poll that gave its forecasts of record. */
  sealed: z.object({ tbin_utc: z.number(), predicted_utc: z.number(), poll_id: z.string() }).nullable(),
})
export type ForecastLedgerSystem = z.infer<typeof systemSchema>

const ledgerSchema = z.object({
  version: z.literal(1),
  /** Counts the owners of the partition. */
  epoch: whole,
  /** Offset up to which the partition was read. */
  position: whole,
  /** Every forecast of record of the partition below it is durable. */
  next_offset: whole,
  systems: z.record(z.string(), systemSchema),
})
/** What `ledger/forecasts/p<partition>.json` holds: which forecasts of record are durable. */
export type ForecastLedger = z.infer<typeof ledgerSchema>

const EMPTY: ForecastLedger = { version: 1, position: 0, next_offset: 0, systems: {}, epoch: 0 }

/** A partition's ledger as its owner: only one owner's writes succeed. */
export function claimForecastLedger(
  objects: ObjectStore,
  partition: number,
): Promise<OwnedLedger<ForecastLedger>> {
  const path = forecastLedgerPath(partition)
  return OwnedLedger.claim({ objects, path, schema: ledgerSchema, empty: EMPTY })
}
