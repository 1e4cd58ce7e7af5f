import { hostname } from 'node:os'
import type { ErrorCode } from '../platform/errors.ts'
import type { ObjectStore } from '../platform/object-store/port.ts'
import { type RunSlot, runRecordPath } from '../platform/run-ledger/run-slot.ts'
import type { BaseFacts } from './base.ts'
import { figures } from './pack-training.ts'
import type { RunInput } from './run-inputs.ts'
import type { AbortReason, Judgement } from './training.ts'

export const TRAIN_JOB = 'train'

/** Why a run was asked for. */
export type Trigger = 'schedule' | 'api' | 'command' | 'drift' | 'decay' | 'first_minutes'

/**
 * `<system>/runs/train/<run id>.json`. Times are ISO 8601, UTC. `aborted`: a guard held or the gate refused, and nothing
 * changed; `failed`: something broke, and nothing changed either. A run that was killed stays `running` until it is taken
 * up again under the same id.
 */
export interface TrainingRun {
  run_id: string
  job: typeof TRAIN_JOB
  system: string
  trigger: string
  status: 'running' | 'succeeded' | 'failed' | 'aborted'
  reason: { code: AbortReason | ErrorCode; message: string } | null
  attempt: number
  requested_utc: string
  started_utc: string
  finished_utc: string | null
  host: string
  process: number
  fencing_token: number
  /** The version that served when it began. */
  champion: string | null
  inputs: { files: (RunInput & { sha256: string | null })[]; base: BaseFacts | null }
  /** What the gate saw, one entry a horizon. */
  gate: GateRecord[]
  outputs: RunOutputs | null
}

export interface RunOutputs {
  version: string
  /** First bin that it forecasts; null until it is promoted. */
  effective_from: string | null
  files: { path: string; sha256: string; bytes: number }[]
}

interface GateRecord {
  horizon: number
  passed: boolean
  checks: Judgement['verdict']['checks']
  holdout: Judgement['holdout']
  figures: Record<string, number | null>
  champion: { version: string; figures: Record<string, number | null> } | null
}

export function trainingRunPath(system: string, runId: string): string {
  return runRecordPath({ system, job: TRAIN_JOB, runId })
}

export function newTrainingRun({
  system,
  slot,
  started,
  token,
}: {
  system: string
  slot: RunSlot
  started: number
  token: number
}): TrainingRun {
  return {
    run_id: slot.run_id,
    job: TRAIN_JOB,
    system,
    trigger: slot.trigger,
    status: 'running',
    reason: null,
    attempt: slot.attempts,
    requested_utc: slot.requested_utc,
    started_utc: new Date(started).toISOString(),
    finished_utc: null,
    host: hostname(),
    process: process.pid,
    fencing_token: token,
    champion: null,
    inputs: { files: [], base: null },
    gate: [],
    outputs: null,
  }
}

export function gateRecords(judgements: readonly Judgement[]): GateRecord[] {
  return judgements.map(({ horizon, verdict, scores, champion, holdout }) => ({
    horizon,
    passed: verdict.passed,
    checks: verdict.checks,
    holdout,
    figures: figures(scores),
    champion: champion === null ? null : { version: champion.version, figures: figures(champion.scores) },
  }))
}

export async function writeTrainingRun(objects: Pick<ObjectStore, 'put'>, run: TrainingRun): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(run, null, 2)}\n`)
  await objects.put(trainingRunPath(run.system, run.run_id), bytes, { contentType: 'application/json' })
}

/** Null when there is no such record, or it cannot be read. */
export async function readTrainingRun(
  objects: Pick<ObjectStore, 'get'>,
  { system, runId }: { system: string; runId: string },
): Promise<TrainingRun | null> {
  const object = await objects.get(trainingRunPath(system, runId))
  if (object === null) return null
  try {
    return JSON.parse(object.bytes.toString('utf8')) as TrainingRun
  } catch {
    return null
  }
}
