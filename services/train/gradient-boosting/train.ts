import { Worker } from 'node:worker_threads'
import { VelocastError } from '../../platform/errors.ts'
import type { BoostTask, Round } from './boost.ts'
import { prepareTasks, type TrainingRows } from './boost-task.ts'
import type { WorkerMessage, WorkerTask } from './boosting.worker.ts'
import type { BoostedTrees } from './model.ts'

export interface TrainingInput extends TrainingRows {
  onProgress?: (round: Round) => void
  signal?: AbortSignal
}

export interface TrainingResult {
  /** The trees up to the best round. */
  model: BoostedTrees
  bestRound: number
  /** All rounds that were run. */
  history: Round[]
}

/**
 * Trains in worker threads; the caller's thread stays free. The same input, options and seed give the same model, bit
 * for bit, with any number of threads. Memory: see TrainingMemory; about 36 bytes a row and two a cell besides the
 * given arrays. Rejects with `request_invalid` for unusable input, with the signal's reason when it is aborted, and with
 * what `onProgress` throws; in each case all threads are ended.
 */
export async function trainGradientBoosting({
  onProgress,
  signal,
  ...rows
}: TrainingInput): Promise<TrainingResult> {
  signal?.throwIfAborted()
  return runTeam({ tasks: prepareTasks(rows), onProgress, signal })
}

async function runTeam({
  tasks,
  onProgress,
  signal,
}: {
  tasks: BoostTask[]
  onProgress: ((round: Round) => void) | undefined
  signal: AbortSignal | undefined
}): Promise<TrainingResult> {
  const history: Round[] = []
  const team: Worker[] = []
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    const finished = new Promise<BoostedTrees>((resolve, reject) => {
      tasks.forEach((task, thread) => {
        const workerData: WorkerTask = { task, thread }
        const worker = new Worker(new URL('./boosting.worker.ts', import.meta.url), {
          workerData,
          transferList: [task.training.buffer, task.validation.buffer] as ArrayBuffer[],
        })
        team.push(worker)
        worker.on('message', (message: WorkerMessage) => {
          if (message.kind === 'model') return resolve(message.model)
          history.push(message.round)
          try {
            onProgress?.(message.round)
          } catch (error) {
            reject(error)
          }
        })
        worker.on('error', (cause) => {
          const message = `training thread ${thread} failed: ${cause instanceof Error ? cause.message : cause}`
          reject(new VelocastError({ code: 'internal', message, cause }))
        })
        worker.on('exit', (code) => {
          if (code === 0) return
          reject(
            new VelocastError({ code: 'internal', message: `training thread ${thread} exited: ${code}` }),
          )
        })
      })
    })
    const model = await Promise.race([finished, aborted.promise])
    return { model, bestRound: history.at(-1)!.bestRound, history }
  } finally {
    signal?.removeEventListener('abort', abort)
    await Promise.all(team.map((worker) => worker.terminate()))
  }
}
