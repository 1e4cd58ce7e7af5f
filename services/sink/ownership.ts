import pLimit from 'p-limit'
import { allTried } from '../platform/all-tried.ts'
import { hasCode, VelocastError } from '../platform/errors.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'

/** Parts written at once: they are independent, and a bucket answers in tens of milliseconds. */
const WRITES = 8
/** A stale owner is told by its log within a session timeout; past so many tries nobody will. */
const STALE_TRIES = 20

/**
 * True when the log is not the one that the ledger was written for, as after a topic was made anew: it has no commit, or
 * ends before the ledger's position. Its offsets mean nothing then.
 */
export function isOfAnotherLog(
  { position }: { position: number },
  { committed, end = 0 }: { committed: number | null; end: number | undefined },
): boolean {
  return position > 0 && (committed === null || position > end)
}

/** Writes every part, some at once; rejects with the first failure once all have been tried. */
export async function writeAll<Part>(
  parts: readonly Part[],
  write: (part: Part) => Promise<void>,
): Promise<void> {
  const limit = pLimit(WRITES)
  await allTried(parts.map((part) => limit(() => write(part))))
}

/** Puts a Parquet part whose name follows from its content: one that is there already is left as it is. */
export async function putPart(objects: ObjectStore, path: string, bytes: Uint8Array): Promise<void> {
  const contentType = 'application/vnd.apache.parquet'
  try {
    await objects.put(path, bytes, { ifGeneration: 'absent', contentType })
  } catch (error) {
    if (!hasCode(error, 'store_precondition_failed')) throw error
  }
}

/** What the log is told of a failed batch: a refused ledger means another owner, anything else is the error itself. */
export function judgeFailure(
  error: unknown,
  { what, partition, epoch, failures }: { what: string; partition: number; epoch: number; failures: number },
): unknown {
  if (!hasCode(error, 'store_precondition_failed')) return error
  return new VelocastError({
    code: 'log_stale_epoch',
    message: `${what} claimed by another sink, this one waits for its new assignment: ${partition}`,
    retryable: failures < STALE_TRIES,
    cause: error,
    data: { partition, epoch },
  })
}
