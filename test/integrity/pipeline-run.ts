import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { track } from '../started-processes.ts'
import type { ProcessPlan } from './process-plan.ts'

export interface PipelineProcess {
  child: ChildProcess
  /** Settles when it has started; rejects when it ends before. */
  started: Promise<void>
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }>
  /** What it has written so far. */
  output(): string
}

const ENTRY = new URL('pipeline-process.ts', import.meta.url).pathname

/** Starts a process of a run under test, without settings from the surrounding environment. */
export function startPipeline(plan: ProcessPlan): PipelineProcess {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('VELOCAST_') && name !== 'KEEP_DAILIES',
  )
  const child = track(
    spawn(process.execPath, [ENTRY, JSON.stringify(plan)], {
      env: Object.fromEntries(kept),
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  )
  let output = ''
  const started = Promise.withResolvers<void>()
  started.promise.catch(() => {})
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
      if (output.startsWith('started\n') || output.includes('\nstarted\n')) started.resolve()
    })
  }
  const ended = once(child, 'close').then(([code, signal]) => {
    started.reject(new Error(`process ended before it had started: ${output}`))
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, output }
  })
  return { child, started: started.promise, ended, output: () => output }
}

/** Seeded numbers from 0 (included) to 1, the same on every machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
