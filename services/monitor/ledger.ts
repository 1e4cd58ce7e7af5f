import { z } from 'zod'
import { VelocastError } from '../platform/errors.ts'
import { sinkLedgerPath } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import type { MonitorObjects } from './monitor-objects.ts'

const whole = z.number().int()

const systemEntry = z.strictObject({
  /** Every record of the system below this offset was handled; above it a row of a closed bin is late. */
  handled: whole.min(0),
  watermark: whole.nullable(),
  /** Bins that end by then are closed and in the hour objects, epoch ms. */
  closed_through: whole.nullable(),
  /** Hours to recompute from Parquet, `YYYY-MM-DDTHH` → status offset up to which the sink must be durable first. */
  dirty: z.record(z.string(), whole.min(0)),
  /** Hours whose forecasts are to be scored anew, likewise. */
  revised: z.record(z.string(), whole.min(0)).default({}),
})

const ledgerSchema = z.strictObject({
  version: z.literal(1),
  epoch: whole,
  /** Where reading begins again: the oldest record that is not yet in an hour object. */
  next_offset: whole.min(0),
  systems: z.record(z.string(), systemEntry),
})

export type LedgerEntry = z.infer<typeof systemEntry>
export type Ledger = z.infer<typeof ledgerSchema>

/** The monitor's state of one status partition: offsets stored with the state that they produced. */
function ledgerPath(partition: number): string {
  return `ledger/monitor/p${partition}.json`
}

/** Null when the partition never had one. Throws `store_object_unreadable`. */
export async function readLedger(
  objects: ObjectStore,
  partition: number,
): Promise<{ ledger: Ledger; generation: string } | null> {
  const path = ledgerPath(partition)
  const stored = await objects.get(path)
  if (stored === null) return null
  try {
    return { ledger: ledgerSchema.parse(JSON.parse(stored.bytes.toString())), generation: stored.generation }
  } catch (cause) {
    throw new VelocastError({
      code: 'store_object_unreadable',
      message: `monitor ledger cannot be read, restore it or delete it to start from the oldest record: ${path}`,
      cause,
    })
  }
}

/** Gives the new generation. Throws `log_stale_epoch` when another owner wrote it since `generation`. */
export function writeLedger(
  owned: MonitorObjects,
  partition: number,
  ledger: Ledger,
  generation: string | null,
): Promise<string> {
  const bytes = Buffer.from(`${JSON.stringify(ledger)}\n`)
  return owned.put(ledgerPath(partition), bytes, generation)
}

const sinkLedger = z.looseObject({
  systems: z.record(
    z.string(),
    z.looseObject({ next_offset: whole.min(0), polls_next_offset: whole.min(0) }),
  ),
})

/** Per system the status offset below which everything is in Parquet, as the sink's ledger says. */
export async function durableOffsets(objects: ObjectStore, partition: number): Promise<Map<string, number>> {
  const stored = await objects.get(sinkLedgerPath(partition))
  if (stored === null) return new Map()
  const { systems } = sinkLedger.parse(JSON.parse(stored.bytes.toString()))
  return new Map(
    Object.entries(systems).map(([system, { next_offset, polls_next_offset }]) => [
      system,
      Math.min(next_offset, polls_next_offset),
    ]),
  )
}
