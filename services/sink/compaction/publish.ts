import { join } from 'node:path'
import pLimit from 'p-limit'
import { hasCode } from '../../platform/errors.ts'
import type { ObjectInfo } from '../../platform/object-store/port.ts'
import { downloadOne, type JobContext, type JobOptions, type LocalCopy } from './job.ts'

/** Deletions at once: each waits for a bucket's answer or a directory's sync. */
const DELETIONS = 8

const PARQUET_TYPE = 'application/vnd.apache.parquet'

/**
 * Renews the lease, then uploads a file over the generation that was read (`replaces`), or where nothing was.
 * Throws `lease_lost` or `store_precondition_failed`.
 */
export async function publish(
  context: JobContext,
  { file, path, replaces }: { file: string; path: string; replaces: ObjectInfo | null },
): Promise<ObjectInfo> {
  await context.fence()
  const ifGeneration = replaces?.generation ?? 'absent'
  return context.platform.objects.upload(file, path, { ifGeneration, contentType: PARQUET_TYPE })
}

/** The published object as readers get it, for verification. */
export function readBack(context: JobContext, path: string): Promise<LocalCopy | null> {
  return downloadOne(context, path, 'read-back.parquet')
}

/** Where a job writes the file that it publishes. */
export function draftFile(context: JobContext): string {
  return join(context.database.directory, 'draft.parquet')
}

/**
 * Renews the lease, then deletes objects by the generation that was read: one that was written anew meanwhile stays.
 * Gives how many went.
 */
export async function purge(context: JobContext, copies: readonly LocalCopy[]): Promise<number> {
  await context.fence()
  const limit = pLimit(DELETIONS)
  let purged = 0
  const deletions = copies.map(({ path, generation }) =>
    limit(async () => {
      try {
        await context.platform.objects.delete(path, generation)
        purged += 1
      } catch (error) {
        if (hasCode(error, 'store_precondition_failed')) return
        limit.clearQueue()
        throw error
      }
      context.onProgress?.({ step: 'purge', done: purged, total: copies.length })
    }),
  )
  await Promise.all(deletions)
  return purged
}

/** Options of a job that runs inside this one: it has its own lease, run record and database. */
export function nested(context: JobContext): JobOptions {
  const { platform, system, waitMs, threads, memoryMegabytes } = context
  return {
    platform,
    system,
    ...(waitMs === undefined ? {} : { waitMs }),
    ...(threads === undefined ? {} : { threads }),
    ...(memoryMegabytes === undefined ? {} : { memoryMegabytes }),
  }
}
