import type { z } from 'zod'
import { hasCode, VelocastError } from '../platform/errors.ts'
import { OwnedObjects } from '../platform/object-store/owned-objects.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'

/** Others that claim at once are other members of one rebalance: a few tries are plenty. */
const CLAIM_TRIES = 10

/** A JSON object that one owner at a time may write, each counted by `epoch`: a partition's ledger. */
export class OwnedLedger<T extends { epoch: number }> {
  readonly #owned: OwnedObjects
  readonly #path: string
  #ledger: T
  #generation: string

  private constructor(place: { owned: OwnedObjects; path: string }, ledger: T, generation: string) {
    this.#owned = place.owned
    this.#path = place.path
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
        // Never taken for an own write: whoever claims at the same time writes the same bytes.
        const { generation } = await objects.put(path, bytesOf(ledger), {
          ifGeneration: existing?.generation ?? 'absent',
          contentType: 'application/json',
        })
        return new OwnedLedger({ owned: new OwnedObjects(objects), path }, ledger, generation)
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
    this.#generation = await this.#owned.put(this.#path, bytesOf(ledger), this.#generation)
    this.#ledger = ledger
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

function bytesOf(ledger: object): Buffer {
  return Buffer.from(`${JSON.stringify(ledger)}\n`)
}
