import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'

export type ChildOptions = {
  command: string
  args: string[]
  environment?: Record<string, string>
  /** Working directory; removed when this process ends before the child was stopped. */
  directory: string
  /** Receives standard output and standard error, appended. */
  logFile: string
}

export type Child = {
  readonly pid: number
  /** Resolves, never rejects, to how the child ended: "exit code 1", "SIGKILL". */
  readonly ended: Promise<string>
  readonly running: boolean
  signal(name: NodeJS.Signals): void
}

/**
 * The shell leaves a watchdog behind and becomes the server, so the server's process id is the one spawned.
 * The watchdog waits for its standard input to close, which the kernel does when the process that started it
 * ends in whatever way, and then kills the server, if that still is its parent, and removes its directory.
 */
const watched = `
  exec 3<&0
  ( trap '' INT TERM HUP
    read -r nothing <&3
    if [ -r /proc/self/stat ]; then read -r self name state parent rest </proc/self/stat; else parent=$$; fi
    if [ "$parent" = "$$" ]; then kill -KILL $$; rm -rf "$0"; fi
  ) >/dev/null 2>&1 &
  exec "$@" 3<&- </dev/null
`

const live = new Set<ChildProcess>()
const directories = new Set<string>()

process.once('exit', () => {
  for (const child of live) child.kill('SIGKILL')
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** Registers a directory to be removed when this process exits; the returned function removes it at once. */
export function scratch(directory: string): () => void {
  directories.add(directory)
  return () => {
    directories.delete(directory)
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

/**
 * Starts a child that cannot outlive this process, not even when this process is killed with SIGKILL.
 * A running child does not keep this process alive.
 */
export function startChild({ command, args, environment, directory, logFile }: ChildOptions): Child {
  const output = openSync(logFile, 'a')
  const child = spawn('/bin/sh', ['-c', watched, directory, command, ...args], {
    cwd: directory,
    env: { ...process.env, ...environment },
    stdio: ['pipe', output, output],
  })
  closeSync(output)
  live.add(child)
  child.unref()
  child.stdin?.on('error', () => {})
  ;(child.stdin as unknown as { unref?(): void } | null)?.unref?.()

  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  }).finally(() => live.delete(child))

  return {
    pid: child.pid ?? -1,
    ended,
    get running() {
      return live.has(child) && child.exitCode === null && child.signalCode === null
    },
    signal: (name) => {
      child.kill(name)
    },
  }
}
