import { z } from 'zod'
import { SINK_LEDGER_PREFIX, sinkLedgerPath } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { OwnedLedger, parseLedger } from './owned-ledger.ts'

const systemSchema = z.object({
  /** Every observation of the system below it is durable in bronze. */
  next_offset: z.number().int().min(0),
  /** Every poll record of the system below it is durable in a poll file. */
  polls_next_offset: z.number().int().min(0),
  /** Greatest event time of the system's polls, epoch ms. */
  watermark: z.number().nullable(),
  /** Bins that end by then are closed and durable, epoch ms. */
  closed_through: z.number().nullable(),
})
export type LedgerSystem = z.infer<typeof systemSchema>

const ledgerSchema = z.object({
  version: z.literal(1),
  /** Counts the owners of the partition: a later owner has the greater number. */
  epoch: z.number().int().min(0),
  /** Offset up to which the partition was read; a system that is not listed has nothing below it. */
  position: z.number().int().min(0),
  systems: z.record(z.string(), systemSchema),
})
/** What `ledger/sink/p<partition>.json` holds: what of the partition is durable. */
export type SinkLedger = z.infer<typeof ledgerSchema>

const EMPTY: SinkLedger = { version: 1, position: 0, systems: {}, epoch: 0 }

/** A partition's ledger as its owner: only one owner's writes succeed. */
export function claimSinkLedger(objects: ObjectStore, partition: number): Promise<OwnedLedger<SinkLedger>> {
  const path = sinkLedgerPath(partition)
  return OwnedLedger.claim({ objects, path, schema: ledgerSchema, empty: EMPTY })
}

/** Every system's entry over all partitions: what is durable, for jobs and other services. */
export async function readSinkLedgers(objects: ObjectStore): Promise<Map<string, LedgerSystem>> {
  const systems = new Map<string, LedgerSystem>()
  for (const { path } of await objects.list(SINK_LEDGER_PREFIX)) {
    const object = await objects.get(path)
    if (object === null) continue
    for (const [system, entry] of Object.entries(parseLedger(path, object.bytes, ledgerSchema).systems))
      systems.set(system, entry)
  }
  return systems
}
