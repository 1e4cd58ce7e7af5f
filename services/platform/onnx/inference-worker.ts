import { parentPort } from 'node:worker_threads'
import { InferenceSession, Tensor } from 'onnxruntime-node'

/** What the worker is asked; every message has an answer of the same `id`. */
export type InferenceRequest = { id: number } & (
  | { kind: 'load'; session: number; model: Uint8Array; threads: number }
  | {
      kind: 'run'
      session: number
      input: string
      outputs: string[]
      values: Float32Array
      rows: number
      columns: number
    }
  | { kind: 'release'; session: number }
)

export interface ModelShape {
  inputs: string[]
  outputs: string[]
}

export type InferenceAnswer = { id: number } & (
  | { kind: 'loaded'; shape: ModelShape }
  | { kind: 'ran'; outputs: Float32Array[]; milliseconds: number }
  | { kind: 'released' }
  | { kind: 'failed'; message: string }
)

const sessions = new Map<number, InferenceSession>()
const port = parentPort!

async function answer(request: InferenceRequest): Promise<InferenceAnswer> {
  const { id, session } = request
  switch (request.kind) {
    case 'load': {
      const loaded = await InferenceSession.create(request.model, {
        intraOpNumThreads: request.threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        logSeverityLevel: 4,
        // Threads that spin between batches take the processor from everybody else on a small machine.
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      })
      sessions.set(session, loaded)
      return {
        id,
        kind: 'loaded',
        shape: { inputs: [...loaded.inputNames], outputs: [...loaded.outputNames] },
      }
    }
    case 'run': {
      const features = new Tensor('float32', request.values, [request.rows, request.columns])
      const begun = performance.now()
      const given = await sessions.get(session)!.run({ [request.input]: features }, request.outputs)
      const milliseconds = performance.now() - begun
      const outputs = request.outputs.map((name) => {
        const { data } = given[name]!
        if (!(data instanceof Float32Array) || data.length !== request.rows) {
          throw new Error(
            `output ${name} must be ${request.rows} floats, got ${data.length} of another shape`,
          )
        }
        return Float32Array.from(data)
      })
      return { id, kind: 'ran', outputs, milliseconds }
    }
    case 'release':
      await sessions.get(session)?.release()
      sessions.delete(session)
      return { id, kind: 'released' }
  }
}

port.on('message', (request: InferenceRequest) => {
  answer(request)
    .catch((error: unknown): InferenceAnswer => {
      return {
        id: request.id,
        kind: 'failed',
        message: error instanceof Error ? error.message : String(error),
      }
    })
    .then((given) => {
      port.postMessage(
        given,
        given.kind === 'ran' ? given.outputs.map(({ buffer }) => buffer as ArrayBuffer) : [],
      )
    })
})
