import { z } from 'zod'
import { hasCode, VelocastError } from '../platform/errors.ts'
import { SINK_LEDGER_PREFIX, sinkLedgerPath } from '../platform/object-store/layout.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'

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

/** Others that claim at once are other members of one rebalance: a few tries are plenty. */
const CLAIM_TRIES = 10

/** A partition's ledger as its owner: only one owner's writes succeed. */
export class LedgerFile {
  readonly #objects: ObjectStore
  readonly #path: string
  #ledger: SinkLedger
  #generation: string

  private constructor(objects: ObjectStore, path: string, ledger: SinkLedger, generation: string) {
    this.#objects = objects
    this.#path = path
    this.#ledger = ledger
    this.#generation = generation
  }

  /** Reads the ledger and writes it with the next epoch, after which no earlier owner can write it any more. */
  static async claim(objects: ObjectStore, partition: number): Promise<LedgerFile> {
    const path = sinkLedgerPath(partition)
    for (let tries = 1; ; tries += 1) {
      const existing = await objects.get(path)
      const before = existing === null ? null : parse(path, existing.bytes)
      const ledger: SinkLedger = {
        version: 1,
        position: 0,
        systems: {},
        ...before,
        epoch: (before?.epoch ?? 0) + 1,
      }
      try {
        const generation = await write(objects, path, ledger, existing?.generation ?? 'absent')
        return new LedgerFile(objects, path, ledger, generation)
      } catch (error) {
        if (!hasCode(error, 'store_precondition_failed') || tries === CLAIM_TRIES) throw error
      }
    }
  }

  /** As it was last written. */
  get ledger(): SinkLedger {
    return this.#ledger
  }

  /** Throws `store_precondition_failed` when another owner claimed the partition. */
  async write(change: Pick<SinkLedger, 'position' | 'systems'>): Promise<void> {
    const ledger = { ...this.#ledger, ...change }
    this.#generation = await write(this.#objects, this.#path, ledger, this.#generation)
    this.#ledger = ledger
  }
}

/** Every system's entry over all partitions: what is durable, for jobs and other services. */
export async function readSinkLedgers(objects: ObjectStore): Promise<Map<string, LedgerSystem>> {
  const systems = new Map<string, LedgerSystem>()
  for (const { path } of await objects.list(SINK_LEDGER_PREFIX)) {
    const object = await objects.get(path)
    if (object === null) continue
    for (const [system, entry] of Object.entries(parse(path, object.bytes).systems))
      systems.set(system, entry)
  }
  return systems
}

async function write(
  objects: ObjectStore,
  path: string,
  ledger: SinkLedger,
  ifGeneration: string,
): Promise<string> {
  const bytes = Buffer.from(`${JSON.stringify(ledger)}\n`)
  return (await objects.put(path, bytes, { ifGeneration, contentType: 'application/json' })).generation
}

function parse(path: string, bytes: Buffer): SinkLedger {
  try {
    return ledgerSchema.parse(JSON.parse(bytes.toString()))
  } catch (cause) {
    throw new VelocastError({
      code: 'store_object_unreadable',
      message: `ledger cannot be read; restore it, or delete it to read the partition again from its commit: ${path}`,
      cause,
      data: { path },
    })
  }
}
