import { fork } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { VelocastError } from '../../platform/errors.ts'
import type { FromHistory, ToHistory } from './make-history.ts'

/**
 * Makes a history in a process of its own, at low priority: live services go on answering. Gives the root of the store
 * that holds it. Ends when the signal aborts, and with this process. Throws `internal`.
 */
export function makeHistoryApart({
  task,
  onDay,
  signal,
}: {
  task: ToHistory
  onDay: (day: number) => void
  signal: AbortSignal
}): Promise<string> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(failed('it was stopped before it began'))
    const child = fork(new URL('./history.worker.ts', import.meta.url), [], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      // A terminal's Ctrl-C is for the process that started it.
      detached: true,
    })
    try {
      if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL)
    } catch {
      // A machine that refuses this makes it all the same.
    }
    let complaint = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      complaint = `${complaint}${chunk.toString()}`.slice(-500)
    })
    const stop = (): void => void child.kill('SIGKILL')
    signal.addEventListener('abort', stop, { once: true })
    child.on('message', (message: FromHistory) => {
      if (message.kind === 'day') return onDay(message.day)
      if (message.kind === 'made') resolve(message.store)
      else reject(failed(message.message))
      stop()
    })
    child.on('error', (error) => reject(failed(error.message)))
    child.on('exit', (code, name) => {
      signal.removeEventListener('abort', stop)
      reject(failed(`it ended early with ${name ?? `code ${code}`} ${complaint.trim()}`))
    })
    child.send(task)
  })
}

function failed(message: string): VelocastError {
  return new VelocastError({ code: 'internal', message: `history process failed, ${message}` })
}
