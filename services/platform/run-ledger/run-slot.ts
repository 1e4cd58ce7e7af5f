import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { hasCode, VelocastError } from '../errors.ts'
import type { ObjectStore } from '../object-store/port.ts'

/**
 * `<system>/runs/<job>-slot.json`: the one place of a system's runs of a job. Who wants a run asks here, who does the work
 * takes it from here, so that neither knows the other, and two are never asked for at once. Times are ISO 8601, UTC.
 */
export interface RunSlot {
  run_id: string
  trigger: string
  state: 'requested' | 'running' | 'ended'
  requested_utc: string
  /** How often it was taken up: more than once when a process was stopped or killed at it. */
  attempts: number
}

export interface SlotOptions {
  objects: Pick<ObjectStore, 'get' | 'put'>
  clock: Clock
  system: string
  job: string
}

/** Two who ask in the same moment: one of them reads again. */
const TRIES = 5

export function runSlotPath(system: string, job: string): string {
  return `${system}/runs/${job}-slot.json`
}

/** Where a run's record is: written by whoever does the work. */
export function runRecordPath(run: { system: string; job: string; runId: string }): string {
  return `${run.system}/runs/${run.job}/${run.runId}.json`
}

/** `20260131T020000Z-` and six digits that no other run has. */
function newRunId(clock: Clock): string {
  return `${runIdTime(clock.now())}-${randomBytes(3).toString('hex')}`
}

/** A time as run ids begin with it. */
export function runIdTime(utc: number): string {
  return new Date(utc).toISOString().replaceAll(/[-:]|\.\d+/g, '')
}

/**
 * Asks for a run; whoever does the job's work takes it up. Throws `run_in_progress` with `data.run_id` while one is
 * asked for or running.
 */
export async function requestRun({
  trigger,
  runId,
  ...options
}: SlotOptions & { trigger: string; runId?: string }): Promise<RunSlot> {
  for (let left = TRIES; ; left -= 1) {
    const { slot, generation } = await readSlot(options)
    if (slot !== null && slot.state !== 'ended') throw inProgress(options, slot)
    const requested: RunSlot = {
      run_id: runId ?? newRunId(options.clock),
      trigger,
      state: 'requested',
      requested_utc: new Date(options.clock.now()).toISOString(),
      attempts: 0,
    }
    try {
      await writeSlot(options, requested, generation)
      return requested
    } catch (error) {
      if (!hasCode(error, 'store_precondition_failed') || left === 1) throw error
    }
  }
}

/**
 * Takes up the run that is asked for, or that another left unfinished. Call it under the job's lease: then a running one
 * is one whose process is gone. Null when there is none.
 */
export async function takeRun(options: SlotOptions): Promise<RunSlot | null> {
  const { slot, generation } = await readSlot(options)
  if (slot === null || slot.state === 'ended') return null
  const taken: RunSlot = { ...slot, state: 'running', attempts: slot.attempts + 1 }
  await writeSlot(options, taken, generation)
  return taken
}

/** Frees the slot (`ended`), or hands an unfinished run back (`requested`). Another run's slot is left alone. */
export async function leaveRun({
  runId,
  state,
  ...options
}: SlotOptions & { runId: string; state: 'ended' | 'requested' }): Promise<void> {
  const { slot, generation } = await readSlot(options)
  if (slot?.run_id !== runId) return
  const attempts = state === 'requested' ? slot.attempts - 1 : slot.attempts
  await writeSlot(options, { ...slot, state, attempts }, generation)
}

/** Null where no run was ever asked for. A slot that cannot be read counts as free. */
export async function readSlot({
  objects,
  system,
  job,
}: Pick<SlotOptions, 'objects' | 'system' | 'job'>): Promise<{ slot: RunSlot | null; generation: string }> {
  const object = await objects.get(runSlotPath(system, job))
  if (object === null) return { slot: null, generation: 'absent' }
  return { slot: parse(object.bytes), generation: object.generation }
}

async function writeSlot(
  { objects, system, job }: SlotOptions,
  slot: RunSlot,
  ifGeneration: string,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(slot)}\n`)
  await objects.put(runSlotPath(system, job), bytes, { ifGeneration, contentType: 'application/json' })
}

function parse(bytes: Buffer): RunSlot | null {
  try {
    const slot = JSON.parse(bytes.toString('utf8')) as Partial<RunSlot>
    const { run_id, trigger, state, requested_utc, attempts = 0 } = slot
    if (run_id === undefined || trigger === undefined || requested_utc === undefined) return null
    if (state !== 'requested' && state !== 'running' && state !== 'ended') return null
    return { run_id, trigger, state, requested_utc, attempts }
  } catch {
    return null
  }
}

function inProgress({ system, job }: SlotOptions, slot: RunSlot): VelocastError {
  return new VelocastError({
    code: 'run_in_progress',
    message: `${job} of ${system} is ${slot.state} already, wait for its end: ${slot.run_id}`,
    data: { run_id: slot.run_id, state: slot.state },
  })
}
