import { Cron } from 'croner'
import type { Clock } from '../clock.ts'
import { VelocastError } from '../errors.ts'

export interface ScheduleOptions {
  /** Cron expression of five or six fields, UTC. */
  expression: string
  clock: Clock
  task: (signal: AbortSignal) => Promise<void>
  /** Told when the task threw; the schedule goes on. */
  onError: (error: unknown) => void
}

export interface Schedule {
  /** Stops: aborts the signal of the running task and waits for it. Idempotent. */
  stop(): Promise<void>
}

/** A sleep is cut into pieces of this length, so that a clock that was set or a machine that slept is noticed. */
const LONGEST_SLEEP_MS = 60_000

/**
 * Wakes a task by the clock, which decides nothing about data. A task never overlaps itself: times that pass while
 * it runs are left out, and the next one in the future follows. Throws `config_invalid` for a bad expression.
 */
export function startSchedule({ expression, clock, task, onError }: ScheduleOptions): Schedule {
  const cron = parse(expression)
  const stopping = new AbortController()
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      const next = cron.nextRun(new Date(clock.now()))
      if (next === null) return
      while (!stopping.signal.aborted && clock.now() < next.getTime()) {
        await clock.sleep(Math.min(next.getTime() - clock.now(), LONGEST_SLEEP_MS), stopping.signal)
      }
      if (stopping.signal.aborted) return
      await task(stopping.signal).catch(onError)
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await loop
    },
  }
}

function parse(expression: string): Cron {
  try {
    return new Cron(expression, { paused: true, timezone: 'UTC' })
  } catch (cause) {
    throw new VelocastError({
      code: 'config_invalid',
      message: `schedule must be a cron expression such as */10 * * * *, and is ${expression}`,
      cause,
    })
  }
}
