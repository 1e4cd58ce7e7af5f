import { type ChildProcess, fork } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { VelocastError } from '../platform/errors.ts'
import type { PackTrainingOutcome, PackTrainingTask } from './pack-training.ts'
import type { TrainingProgress } from './training.ts'

/** What the training process is told. Packs of the serving version lie below `champions`, by their paths. */
export type ToTraining =
  | { kind: 'task'; task: PackTrainingTask; champions: string }
  | { kind: 'version'; version: string }

/** What the training process says. */
export type FromTraining =
  | { kind: 'progress'; progress: TrainingProgress }
  | { kind: 'version_of'; features: [number, string][] }
  | { kind: 'outcome'; outcome: PackTrainingOutcome }
  | { kind: 'failed'; message: string; stack: string }

export interface TrainingProcessOptions {
  task: PackTrainingTask
  champions: string
  versionOf: (features: ReadonlyMap<number, string>) => Promise<string>
  onProgress?: (progress: TrainingProgress) => void
  signal?: AbortSignal
}

/**
 * Trains in a process of its own, at low priority: it holds no event loop of ours, gives its memory back, and when the
 * machine has too little, it ends and not the services. Ends with this process, and when the signal aborts. Throws
 * `internal` when it fails or ends early.
 */
export function trainApart(options: TrainingProcessOptions): Promise<PackTrainingOutcome> {
  const { task, champions, versionOf, onProgress, signal } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(stopped('before it began'))
    const child = fork(new URL('./training.worker.ts', import.meta.url), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    })
    lower(child)
    let complaint = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      complaint = `${complaint}${chunk.toString()}`.slice(-2000)
    })
    const stop = (): void => void child.kill('SIGKILL')
    signal?.addEventListener('abort', stop, { once: true })
    const answer = async (message: FromTraining): Promise<void> => {
      switch (message.kind) {
        case 'progress':
          return onProgress?.(message.progress)
        case 'version_of':
          tell(child, { kind: 'version', version: await versionOf(new Map(message.features)) })
          return
        case 'outcome':
          resolve(message.outcome)
          return void child.kill()
        case 'failed':
          reject(failed(message.message, message.stack))
          return void child.kill()
      }
    }
    child.on('message', (message: FromTraining) => {
      answer(message).catch((error: unknown) => {
        reject(error)
        stop()
      })
    })
    child.on('error', (error) => reject(failed(error.message, error.stack ?? '')))
    child.on('exit', (code, name) => {
      signal?.removeEventListener('abort', stop)
      if (signal?.aborted) return reject(stopped('on request'))
      const last = complaint.trim().split('\n').at(-1) ?? ''
      reject(
        failed(`it ended early with ${name ?? `code ${code}`}${last === '' ? '' : `: ${last}`}`, complaint),
      )
    })
    tell(child, { kind: 'task', task, champions })
  })
}

function tell(child: ChildProcess, message: ToTraining): void {
  child.send(message)
}

/** Live services come first; a machine that refuses this trains all the same. */
function lower(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {}
}

function failed(message: string, stack: string): VelocastError {
  return new VelocastError({
    code: 'internal',
    message: `training process failed, ${message}`,
    data: { stack },
  })
}

function stopped(when: string): VelocastError {
  return new VelocastError({
    code: 'internal',
    retryable: true,
    message: `training was stopped ${when}; it begins anew when it is taken up again`,
  })
}
