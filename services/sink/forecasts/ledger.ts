import { z } from 'zod'
import { hasCode, VelocastError } from '../../platform/errors.ts'
import { forecastLedgerPath } from '../../platform/object-store/layout.ts'
import type { ObjectStore } from '../../platform/object-store/port.ts'

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

/** Others that claim at once are other members of one rebalance: a few tries are plenty. */
const CLAIM_TRIES = 10

/** A partition's ledger as its owner: only one owner's writes succeed. */
export class ForecastLedgerFile {
  readonly #objects: ObjectStore
  readonly #path: string
  #ledger: ForecastLedger
  #generation: string

  private constructor(objects: ObjectStore, path: string, ledger: ForecastLedger, generation: string) {
    this.#objects = objects
    this.#path = path
    this.#ledger = ledger
    this.#generation = generation
  }

  /** Reads the ledger and writes it with the next epoch, after which no earlier owner can write it any more. */
  static async claim(objects: ObjectStore, partition: number): Promise<ForecastLedgerFile> {
    const path = forecastLedgerPath(partition)
    for (let tries = 1; ; tries += 1) {
      const existing = await objects.get(path)
      const before = existing === null ? null : parse(path, existing.bytes)
      const fresh = { version: 1 as const, position: 0, next_offset: 0, systems: {} }
      const ledger: ForecastLedger = { ...fresh, ...before, epoch: (before?.epoch ?? 0) + 1 }
      try {
        const generation = await write(objects, path, ledger, existing?.generation ?? 'absent')
        return new ForecastLedgerFile(objects, path, ledger, generation)
      } catch (error) {
        if (!hasCode(error, 'store_precondition_failed') || tries === CLAIM_TRIES) throw error
      }
    }
  }

  get ledger(): ForecastLedger {
    return this.#ledger
  }

  /** Throws `store_precondition_failed` when another owner claimed the partition. */
  async write(change: Pick<ForecastLedger, 'position' | 'next_offset' | 'systems'>): Promise<void> {
    const ledger = { ...this.#ledger, ...change }
    this.#generation = await write(this.#objects, this.#path, ledger, this.#generation)
    this.#ledger = ledger
  }
}

async function write(
  objects: ObjectStore,
  path: string,
  ledger: ForecastLedger,
  ifGeneration: string,
): Promise<string> {
  const bytes = Buffer.from(`${JSON.stringify(ledger)}\n`)
  return (await objects.put(path, bytes, { ifGeneration, contentType: 'application/json' })).generation
}

function parse(path: string, bytes: Buffer): ForecastLedger {
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
