import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock } from '../clock.ts'
import { VelocastError } from '../errors.ts'
import type { ObjectStore } from '../object-store/port.ts'

/** `running` stays when the process was killed: such a run is known by its missing end. */
type RunStatus = 'running' | 'succeeded' | 'failed'

/** What `<system>/runs/<job>/<run id>.json` holds. Times are ISO 8601, UTC. */
export interface RunRecord {
  run_id: string
  job: string
  system: string
  status: RunStatus
  dry_run: boolean
  started_utc: string
  finished_utc: string | null
  host: string
  process: number
  parameters: Record<string, unknown>
  /** What the job reports; null while it runs and when it failed. */
  report: unknown
  error: { code: string; message: string } | null
}

export interface RunOptions {
  objects: ObjectStore
  clock: Clock
  system: string
  job: string
  dryRun?: boolean
  parameters?: Record<string, unknown>
  /** Told when the record itself could not be written; the job goes on. */
  onLedgerError?: (error: unknown) => void
}

export interface Run {
  readonly id: string
}

/**
 * Runs a job and leaves its record: written as `running` before, and with the report or the error after. The job's
 * outcome is passed on unchanged. A record that cannot be written stops no job.
 */
export async function withRunRecord<T>(options: RunOptions, work: (run: Run) => Promise<T>): Promise<T> {
  const { objects, clock, system, job, dryRun = false, parameters = {}, onLedgerError } = options
  const started = clock.now()
  const id = `${new Date(started).toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${randomBytes(3).toString('hex')}`
  const path = `${system}/runs/${job}/${id}.json`
  const write = async (
    outcome: Pick<RunRecord, 'status' | 'finished_utc' | 'report' | 'error'>,
  ): Promise<void> => {
    const record: RunRecord = {
      run_id: id,
      job,
      system,
      dry_run: dryRun,
      started_utc: new Date(started).toISOString(),
      host: hostname(),
      process: process.pid,
      parameters,
      ...outcome,
    }
    const bytes = Buffer.from(`${JSON.stringify(record, null, 2)}\n`)
    await objects
      .put(path, bytes, { contentType: 'application/json' })
      .catch((error) => onLedgerError?.(error))
  }
  await write({ status: 'running', finished_utc: null, report: null, error: null })
  const finished = (): string => new Date(clock.now()).toISOString()
  try {
    const report = await work({ id })
    await write({ status: 'succeeded', finished_utc: finished(), report, error: null })
    return report
  } catch (error) {
    const code = error instanceof VelocastError ? error.code : 'internal'
    const message = error instanceof Error ? error.message : String(error)
    await write({ status: 'failed', finished_utc: finished(), report: null, error: { code, message } })
    throw error
  }
}
