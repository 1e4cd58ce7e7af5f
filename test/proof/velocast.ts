import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { track } from '../started-processes.ts'

export interface VelocastRun {
  child: ChildProcess
  /** Exit code and outputs, once it has ended. */
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

/** Starts the command line in a process of its own, without settings from the surrounding environment. */
export function startVelocast(args: string[], environment: Record<string, string> = {}): VelocastRun {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('VELOCAST_') && name !== 'KEEP_DAILIES',
  )
  const child = track(
    spawn(process.execPath, ['services/cli/velocast.ts', ...args], {
      env: { ...Object.fromEntries(kept), VELOCAST_LOGGING_LEVEL: 'warn', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
  return { child, ended }
}
