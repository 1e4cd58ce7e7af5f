import { Worker } from 'node:worker_threads'
import { VelocastError } from '../errors.ts'
import type { PartOffsets } from './bronze.ts'
import type { PartAnswer, PartQuestion } from './part-encoder-worker.ts'
import { type PartRows, rowText } from './row-text.ts'

/** A part as a file: its content name (12 hex digits) and its bytes, those of `encodeBronze` and `encodePolls`. */
export interface EncodedPart {
  content: string
  bytes: Uint8Array
}

interface Waiting {
  resolve(part: EncodedPart): void
  reject(error: Error): void
}

/**
 * A part's cells are garbage as soon as it is encoded: in a young generation of this size they never grow old. Without a
 * bound the thread takes over 100 MB more after 3,000 parts of 1,000 stations.
 */
const YOUNG_MEGABYTES = 16

let worker: Worker | null = null
let lastId = 0
const waiting = new Map<number, Waiting>()

/**
 * Encodes a part in a thread that the whole process shares: the one with the event loop only writes the rows as text.
 * The thread starts with the first part, ends with the process and does not keep it alive. Parts are encoded one at a time;
 * memory is that of `encodeParquet` for the largest, and the text of those that wait.
 */
export function encodePart(part: PartRows, offsets?: PartOffsets): Promise<EncodedPart> {
  const running = worker ?? start()
  running.ref()
  lastId += 1
  const question: PartQuestion = {
    id: lastId,
    kind: part.kind,
    text: rowText(part),
    ...(offsets === undefined ? {} : { offsets }),
  }
  return new Promise((resolve, reject) => {
    waiting.set(question.id, { resolve, reject })
    running.postMessage(question)
  })
}

function start(): Worker {
  const started = new Worker(new URL('./part-encoder-worker.ts', import.meta.url), {
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
  })
  worker = started
  started.on('message', ({ id, encoded, failure }: PartAnswer) => {
    const question = waiting.get(id)
    waiting.delete(id)
    if (waiting.size === 0) started.unref()
    if (encoded === undefined) question?.reject(failed(failure))
    else question?.resolve(encoded)
  })
  started.on('error', fail)
  started.on('exit', (code) => {
    if (started === worker) fail(new Error(`exit code ${code}`))
  })
  return started
}

/** The next part starts another thread. */
function fail(cause: Error): void {
  worker = null
  for (const { reject } of waiting.values()) reject(failed(cause))
  waiting.clear()
}

function failed(cause: unknown): VelocastError {
  return new VelocastError({
    code: 'internal',
    message: `part cannot be encoded as Parquet, ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  })
}
