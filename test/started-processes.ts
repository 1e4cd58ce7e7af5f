import type { ChildProcess } from 'node:child_process'

const running = new Set<ChildProcess>()

/** Remembers a process that a test started, until it has ended. */
export function track<T extends ChildProcess>(child: T): T {
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

/** Kills what a test left behind, as one that ran out of time does. */
export function killLeftProcesses(): void {
  for (const child of running) child.kill('SIGKILL')
}
