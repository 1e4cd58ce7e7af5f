import { parentPort } from 'node:worker_threads'
import { contentNameOf, encodePartText, type PartOffsets } from './bronze.ts'
import type { PartRows } from './row-text.ts'

/** What the thread is asked; each question has an answer of the same `id`. */
export interface PartQuestion {
  id: number
  kind: PartRows['kind']
  text: string
  offsets?: PartOffsets
}

export interface PartAnswer {
  id: number
  encoded?: { content: string; bytes: Uint8Array }
  failure?: unknown
}

const port = parentPort!

port.on('message', ({ id, kind, text, offsets }: PartQuestion) => {
  try {
    const bytes = encodePartText({ kind, text, ...(offsets === undefined ? {} : { offsets }) })
    const answer: PartAnswer = { id, encoded: { content: contentNameOf(text), bytes } }
    port.postMessage(answer, [bytes.buffer as ArrayBuffer])
  } catch (failure) {
    port.postMessage({ id, failure } satisfies PartAnswer)
  }
})
