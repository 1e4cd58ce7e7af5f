import type { z } from 'zod'
import { hasCode, VelocastError } from '../platform/errors.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'

/** Others that claim at once are other members of one rebalance: a few tries are plenty. */
const CLAIM_TRIES = 10

/** A JSON object that one owner at a time may write, each counted by `epoch`: a partition's ledger. */
export class OwnedLedger<T extends { epoch: number }> {
  readonly #objects: ObjectStore
  readonly #path: string
  readonly #schema: z.ZodType<T>
  #ledger: T
  #generation: string

  private constructor(
    place: { objects: ObjectStore; path: string; schema: z.ZodType<T> },
    ledger: T,
    generation: string,
  ) {
    this.#objects = place.objects
    this.#path = place.path
    this.#schema = place.schema
    this.#ledger = ledger
    this.#generation = generation
  }

  /** Reads the ledger and writes it with the next epoch, after which no earlier owner can write it any more. */
  static async claim<T extends { epoch: number }>(options: {
    objects: ObjectStore
    path: string
    schema: z.ZodType<T>
    /** What it holds before its first owner. */
    empty: T
  }): Promise<OwnedLedger<T>> {
    const { objects, path, schema, empty } = options
    for (let tries = 1; ; tries += 1) {
      const existing = await objects.get(path)
      const before = existing === null ? empty : parseLedger(path, existing.bytes, schema)
      const ledger = { ...before, epoch: before.epoch + 1 }
      try {
        const generation = await put(objects, path, ledger, existing?.generation ?? 'absent')
        return new OwnedLedger({ objects, path, schema }, ledger, generation)
      } catch (error) {
        if (!hasCode(error, 'store_precondition_failed') || tries === CLAIM_TRIES) throw error
      }
    }
  }

  /** As it was last written. */
  get ledger(): T {
    return this.#ledger
  }

  /** Throws `store_precondition_failed` when another owner claimed the partition. */
  async write(change: Omit<Partial<T>, 'epoch'>): Promise<void> {
    const ledger = { ...this.#ledger, ...change }
    try {
      this.#generation = await put(this.#objects, this.#path, ledger, this.#generation)
    } catch (error) {
      const own = hasCode(error, 'store_precondition_failed') ? await this.#writtenByThis() : null
      if (own === null) throw error
      this.#generation = await put(this.#objects, this.#path, ledger, own)
    }
    this.#ledger = ledger
  }

  /** Generation of an earlier write of this owner, of which only the answer was lost: nobody else writes its epoch. */
  async #writtenByThis(): Promise<string | null> {
    const found = await this.#objects.get(this.#path)
    if (found === null) return null
    const { epoch } = parseLedger(this.#path, found.bytes, this.#schema)
    return epoch === this.#ledger.epoch ? found.generation : null
  }
}

/** Throws `store_object_unreadable` for what is no ledger. */
export function parseLedger<T>(path: string, bytes: Buffer, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(bytes.toString()))
  } catch (cause) {
    throw new VelocastError({
      code: 'store_object_unreadable',
      message: `ledger cannot be read; restore it, or delete it to read the partition again from its commit: ${path}`,
      cause,
      data: { path },
    })
  }
}

async function put(
  objects: ObjectStore,
  path: string,
  ledger: object,
  ifGeneration: string,
): Promise<string> {
  const bytes = Buffer.from(`${JSON.stringify(ledger)}\n`)
  return (await objects.put(path, bytes, { ifGeneration, contentType: 'application/json' })).generation
}
