import { mkdirSync, readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, scratch, startChild } from './process.ts'

/** One real server, run by process id on loopback, that ends with the process that started it. */
export type Server = {
  /** Process id of the server itself, which changes at a restart. */
  readonly pid: number
  readonly running: boolean
  /** Holds everything it writes. */
  readonly directory: string
  /** From spawn to readiness, at the last start. */
  readonly startedInMs: number
  /** SIGTERM, then SIGKILL after the deadline; removes everything it wrote. Calling it twice does nothing. */
  stop(): Promise<void>
  /** SIGKILL; keeps port and data for a restart. */
  kill(): Promise<void>
  /** Starts again on the same port with the same data, after a SIGTERM when it is still running. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void
  /** SIGCONT after a pause. */
  resume(): void
  /** Everything the server has printed since its first start. */
  log(): string
}

export type ServerOptions = {
  name: string
  command: string
  args: string[]
  environment?: Record<string, string>
  directory: string
  /** One probe: resolves when the server serves, rejects while it does not yet. */
  ready(): Promise<void>
  startDeadlineMs?: number
  stopDeadlineMs?: number
}

const probeIntervalMs = 50
const shownLogLines = 30

/** A new empty directory for one server's data, to be handed to `startServer`, whose `stop` removes it. */
export async function serverDirectory(name: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), `velocast-test-${name}-`))
  scratch(directory)
  mkdirSync(join(directory, 'tmp'))
  return directory
}

/** @throws Error with the end of the server's log when it ends, or is not ready within its start deadline */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { name, directory, startDeadlineMs = 180_000, stopDeadlineMs = 10_000 } = options
  const removeDirectory = scratch(directory)
  const logFile = join(directory, 'server.log')
  let child: Child | undefined
  let startedInMs = 0

  async function start() {
    const started = performance.now()
    const { command, args, environment = {} } = options
    child = startChild({ command, args, environment, directory, logFile })
    await untilReady(child, started + startDeadlineMs)
    startedInMs = Math.round(performance.now() - started)
  }

  async function untilReady(starting: Child, deadline: number) {
    let ended: string | undefined
    void starting.ended.then((how) => {
      ended = how
    })
    for (let problem: unknown; ; await sleep(probeIntervalMs)) {
      if (ended) throw new Error(`${name} ended with ${ended} while it started:\n${lastLines()}`)
      if (performance.now() > deadline) {
        throw new Error(`${name} was not ready after ${startDeadlineMs} ms:\n${lastLines()}`, {
          cause: problem,
        })
      }
      try {
        await options.ready()
        return
      } catch (error) {
        problem = error
      }
    }
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL') {
    if (!child?.running) return
    child.signal(signal)
    child.signal('SIGCONT')
    const patience = new AbortController()
    const ended = child.ended.then(() => patience.abort())
    await sleep(stopDeadlineMs, undefined, { signal: patience.signal }).catch(() => {})
    if (child.running) child.signal('SIGKILL')
    await ended
  }

  function log() {
    try {
      return readFileSync(logFile, 'utf8')
    } catch {
      return ''
    }
  }

  function lastLines() {
    return log().trim().split('\n').slice(-shownLogLines).join('\n')
  }

  async function stop() {
    await end('SIGTERM')
    removeDirectory()
  }

  try {
    await start()
  } catch (error) {
    await end('SIGKILL')
    removeDirectory()
    throw error
  }

  return {
    get pid() {
      return child?.pid ?? -1
    },
    get running() {
      return child?.running ?? false
    },
    get startedInMs() {
      return startedInMs
    },
    directory,
    stop,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM')
      await start()
    },
    pause: () => child?.signal('SIGSTOP'),
    resume: () => child?.signal('SIGCONT'),
    log,
  }
}
