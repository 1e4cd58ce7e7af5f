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

export const SCHEDULE_RULE = 'must be a cron expression such as */10 * * * *'

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

/**
 * The newest time of a cron expression in a time zone that is after `after` and not after `now` (epoch ms); null when none
 * is. Throws `config_invalid` for a bad expression.
 */
export function newestDue({
  expression,
  timezone,
  after,
  now,
}: {
  expression: string
  timezone: string
  after: number
  now: number
}): number | null {
  // Croner finds what lies before a whole second.
  const [newest] = parse(expression, timezone).previousRuns(1, new Date(Math.floor(now / 1000) * 1000 + 1000))
  return newest !== undefined && newest.getTime() > after ? newest.getTime() : null
}

/** True for a cron expression of five or six fields. */
export function isSchedule(expression: string): boolean {
  try {
    parse(expression)
    return true
  } catch {
    return false
  }
}

function parse(expression: string, timezone = 'UTC'): Cron {
  try {
    return new Cron(expression, { paused: true, timezone })
  } catch (cause) {
    throw new VelocastError({
      code: 'config_invalid',
      message: `schedule ${SCHEDULE_RULE}, and is ${expression}`,
      cause,
    })
  }
}
