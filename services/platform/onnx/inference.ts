import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { VelocastError } from '../errors.ts'
import type { InferenceAnswer, InferenceRequest, ModelShape } from './inference-worker.ts'

/**
 * ONNX Runtime 1.30 reports its use to its maker over the network and keeps an id of the machine in the home directory,
 * unless this is set before it loads. In this thread: a worker's environment is a copy that native code does not see.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1'

/** Two halve the time of a trained pack's batch; the batches are too small to gain by more. */
const THREADS = Math.min(2, availableParallelism())

/** A model in the worker. */
export interface InferenceModel extends ModelShape {
  /** One batch: `values` (rows × columns, row after row) is handed over and must not be used again. */
  run(options: {
    input: string
    outputs: string[]
    values: Float32Array
    rows: number
    columns: number
  }): Promise<{ outputs: Float32Array[]; milliseconds: number }>
  release(): Promise<void>
}

export interface Inference {
  /** Throws `model_pack_invalid` for bytes that are no model that the runtime can run. */
  load(model: Uint8Array): Promise<InferenceModel>
  close(): Promise<void>
}

type Question = InferenceRequest extends infer Request
  ? Request extends InferenceRequest
    ? Omit<Request, 'id'>
    : never
  : never

/**
 * ONNX Runtime in a thread of its own: its `run` holds the thread it is called on (it only looks asynchronous), and a
 * slow model must not hold back heartbeats. The thread starts with the first model. Holds the models loaded and not
 * released, and one batch.
 */
export function openInference({ threads = THREADS }: { threads?: number } = {}): Inference {
  let worker: Worker | undefined
  let lastId = 0
  const waiting = new Map<number, { resolve(answer: InferenceAnswer): void; reject(error: Error): void }>()

  const fail = (cause: unknown): void => {
    worker = undefined
    const error = new VelocastError({
      code: 'internal',
      message: `inference thread ended, ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    })
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }

  const start = (): Worker => {
    const started = new Worker(new URL('./inference-worker.ts', import.meta.url))
    started.on('message', (answer: InferenceAnswer) => {
      waiting.get(answer.id)?.resolve(answer)
      waiting.delete(answer.id)
      if (waiting.size === 0) started.unref()
    })
    started.on('error', fail)
    started.on('exit', (code) => {
      if (started === worker) fail(new Error(`exit code ${code}`))
    })
    return started
  }

  const ask = async <Kind extends InferenceAnswer['kind']>(
    question: Question,
    kind: Kind,
    transfer: ArrayBuffer[] = [],
  ): Promise<Extract<InferenceAnswer, { kind: Kind }>> => {
    worker ??= start()
    worker.ref()
    lastId += 1
    const id = lastId
    const answer = await new Promise<InferenceAnswer>((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      worker!.postMessage({ ...question, id }, transfer)
    })
    if (answer.kind === 'failed') {
      throw new VelocastError({
        code: 'model_pack_invalid',
        message: `model cannot be run, onnx runtime says: ${answer.message}`,
      })
    }
    return answer as Extract<InferenceAnswer, { kind: typeof kind }>
  }

  let lastSession = 0
  return {
    async load(model) {
      lastSession += 1
      const session = lastSession
      const { shape } = await ask({ kind: 'load', session, model: Uint8Array.from(model), threads }, 'loaded')
      return {
        ...shape,
        run: async (batch) => {
          const { outputs, milliseconds } = await ask({ kind: 'run', session, ...batch }, 'ran', [
            batch.values.buffer as ArrayBuffer,
          ])
          return { outputs, milliseconds }
        },
        release: async () => {
          if (worker !== undefined) await ask({ kind: 'release', session }, 'released')
        },
      }
    },
    async close() {
      const running = worker
      fail(new Error('closed'))
      await running?.terminate()
    },
  }
}
