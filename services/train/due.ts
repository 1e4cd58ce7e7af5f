import type { Clock } from '../platform/clock.ts'
import { hasCode } from '../platform/errors.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { type RunSlot, readSlot, requestRun, runIdTime } from '../platform/run-ledger/run-slot.ts'
import { newestDue } from '../platform/schedule/schedule.ts'
import { TRAIN_JOB, trainingRunPath } from './run-record.ts'

/** A schedule that never comes. */
const NEVER = 'off'

export interface DueOptions {
  objects: Pick<ObjectStore, 'get' | 'put'>
  clock: Clock
  system: string
  /** Cron expression, or NEVER. */
  expression: string
  timezone: string
}

/**
 * Asks for the run of a time of the schedule that has come and was not handled; of several that passed while nobody
 * looked, for one, the newest. Its id is that time, so that it is asked for once, however many look and however often they
 * start anew: the order is ask, then remember, and what was asked for is known by its id. A run that is under way then
 * counts as this one. The first look at a system only remembers: the past asks for nothing. Null when nothing is due.
 */
export async function requestDue(options: DueOptions): Promise<RunSlot | null> {
  const { objects, clock, system, expression, timezone } = options
  if (expression === NEVER) return null
  const path = `${system}/runs/${TRAIN_JOB}-schedule.json`
  const object = await objects.get(path)
  const handled = object === null ? null : handledTime(object.bytes)
  const now = clock.now()
  const remember = async (utc: number): Promise<void> => {
    const bytes = Buffer.from(`${JSON.stringify({ handled_utc: new Date(utc).toISOString() })}\n`)
    try {
      const ifGeneration = object?.generation ?? 'absent'
      await objects.put(path, bytes, { ifGeneration, contentType: 'application/json' })
    } catch (error) {
      // Another looked in the same moment, and remembers.
      if (!hasCode(error, 'store_precondition_failed')) throw error
    }
  }
  if (handled === null) {
    await remember(now)
    return null
  }
  const due = newestDue({ expression, timezone, after: handled, now })
  if (due === null) return null
  const runId = `${runIdTime(due)}-schedule`
  const slot = await request({ ...options, runId })
  await remember(due)
  return slot
}

async function request({
  objects,
  clock,
  system,
  runId,
}: DueOptions & { runId: string }): Promise<RunSlot | null> {
  const known = await readSlot({ objects, system, job: TRAIN_JOB })
  if (known.slot?.run_id === runId) return null
  if ((await objects.get(trainingRunPath(system, runId))) !== null) return null
  try {
    return await requestRun({ objects, clock, system, job: TRAIN_JOB, trigger: 'schedule', runId })
  } catch (error) {
    if (hasCode(error, 'run_in_progress')) return null
    throw error
  }
}

function handledTime(bytes: Buffer): number | null {
  try {
    const { handled_utc } = JSON.parse(bytes.toString('utf8')) as { handled_utc?: string }
    const utc = Date.parse(handled_utc ?? '')
    return Number.isNaN(utc) ? null : utc
  } catch {
    return null
  }
}
