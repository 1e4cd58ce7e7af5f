import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { type Lease, withLease } from '../../platform/lease/lease.ts'
import { leasePath } from '../../platform/object-store/layout.ts'
import type { ObjectInfo } from '../../platform/object-store/port.ts'
import { type DuckDb, openDuckDb } from '../../platform/parquet/duckdb.ts'
import { withRunRecord } from '../../platform/run-ledger/run-ledger.ts'
import type { Platform } from '../../platform/service.ts'

type CompactionPlatform = Pick<Platform, 'objects' | 'clock' | 'logger' | 'config'>

export interface Progress {
  step: 'download' | 'merge' | 'publish' | 'verify' | 'purge'
  done: number
  total: number
}

/** What every job over a system's files takes. */
export interface JobOptions {
  platform: CompactionPlatform
  system: string
  /** Reads and reports; writes nothing but the run record, deletes nothing, takes no lease. */
  dryRun?: boolean
  onProgress?: (progress: Progress) => void
  /** How long to wait for another holder of the lease before `lease_held` is thrown. Default 0. */
  waitMs?: number
  /** Database bounds, as `openDuckDb`'s. */
  threads?: 1 | 2
  memoryMegabytes?: number
  /** Called between every two steps of the job's protocol, for tests that stop there. */
  fault?: (step: string) => Promise<void> | void
}

export interface JobContext extends JobOptions {
  database: DuckDb
  /** Extends the lease, or throws `lease_lost`: called before everything that others would see. */
  fence: () => Promise<void>
  /** 0 in a dry run. */
  token: number
  step: (name: string) => Promise<void>
}

/** Downloads at once: enough to hide a bucket's latency, few enough to keep memory and sockets small. */
const DOWNLOADS = 8

/**
 * Runs a job with its run record, lease and database. One job of a name at a time for each system, on any machine.
 * Temporary files lie in the system's temporary directory and are removed.
 */
export async function runJob<T extends object>(
  options: JobOptions & { job: string; parameters: Record<string, unknown> },
  work: (context: JobContext) => Promise<T>,
): Promise<T> {
  const { platform, system, job, parameters, dryRun = false } = options
  const { objects, clock, logger } = platform
  const record = { objects, clock, system, job, dryRun, parameters }
  const onLedgerError = (error: unknown): void =>
    logger.warn({ err: error, system, job }, 'run record could not be written')
  return withRunRecord({ ...record, onLedgerError }, async () => {
    const inDatabase = async (lease: Lease | null): Promise<T> => {
      const { threads, memoryMegabytes } = options
      const database = await openDuckDb({
        ...(threads === undefined ? {} : { threads }),
        ...(memoryMegabytes === undefined ? {} : { memoryMegabytes }),
      })
      try {
        return await work({
          ...options,
          database,
          token: lease?.token ?? 0,
          fence: async () => lease?.renew(),
          step: async (name) => options.fault?.(name),
        })
      } finally {
        await database.close()
      }
    }
    if (dryRun) return inDatabase(null)
    const owner = `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`
    const wait = options.waitMs === undefined ? {} : { waitMs: options.waitMs }
    return withLease({ objects, clock, path: leasePath(system, job), owner, ...wait }, inDatabase)
  })
}

/** Up to this many rows the database's default bound is enough. */
const SMALL_ROWS = 200_000
/** Measured: with less, sorting a day of 1,500 stations spills, and takes twice the processor time. */
const DAY_MEGABYTES = 224
/** Measured to be enough for 13 million rows; past 16 million it grows with them. */
const LARGE_ROWS = 1_000_000
const LARGE_MEGABYTES = 256
const MEGABYTES_A_MILLION_ROWS = 16

/** Raises the database's bound for a job over so many rows, unless the bound was given. */
export async function fitMemory({ database, memoryMegabytes }: JobContext, rows: number): Promise<void> {
  if (memoryMegabytes !== undefined || rows <= SMALL_ROWS) return
  const large = Math.max(LARGE_MEGABYTES, Math.ceil((rows / 1_000_000) * MEGABYTES_A_MILLION_ROWS))
  await database.run(`SET memory_limit = '${rows <= LARGE_ROWS ? DAY_MEGABYTES : large}MB'`)
}

/** An object and its copy on the local disk. */
export interface LocalCopy extends ObjectInfo {
  file: string
}

/** Downloads objects into the job's directory; those that vanished meanwhile are left out. */
export async function downloadAll(
  context: JobContext,
  infos: readonly ObjectInfo[],
  name: string,
): Promise<LocalCopy[]> {
  const limit = pLimit(DOWNLOADS)
  let done = 0
  const copies = infos.map((info, index) =>
    limit(async () => {
      const copy = await downloadOne(context, info.path, `${name}-${String(index).padStart(6, '0')}.parquet`)
      done += 1
      context.onProgress?.({ step: 'download', done, total: infos.length })
      return copy
    }),
  )
  return (await Promise.all(copies)).filter((copy) => copy !== null)
}

/** Null when there is no such object. */
export async function downloadOne(
  context: JobContext,
  path: string,
  name: string,
): Promise<LocalCopy | null> {
  const file = join(context.database.directory, name)
  try {
    return { ...(await context.platform.objects.download(path, file)), file }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'store_object_missing') return null
    throw error
  }
}
