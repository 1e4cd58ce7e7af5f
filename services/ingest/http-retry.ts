import type { Clock } from '../platform/clock.ts'
import { isRetryable, VelocastError } from '../platform/errors.ts'

/** First pause; doubled each time. Half a second lets a restarted proxy come back without a visible gap. */
const FIRST_PAUSE_MS = 500
/** Longest pause of our own: with four retries a poll is given up within about a minute. */
const LONGEST_PAUSE_MS = 15_000
/** A longer Retry-After ends this poll instead of holding it; the next one waits for it. */
const LONGEST_RETRY_AFTER_MS = 30_000

/**
 * Runs `attempt` until it succeeds, fails for good, has had `retries` more tries, or `stop` aborts. Pauses 500 ms,
 * doubled each time up to 15 s, each times a random 0.5 to 1.5 so that many systems do not come back at once; a
 * server's Retry-After (seconds or a date) wins. The error thrown carries data.retryAfterMs when the server gave one.
 */
export async function withRetries<T>(options: {
  attempt: () => Promise<T>
  retries: number
  clock: Clock
  stop: AbortSignal
  /** 0 (included) to 1. */
  random: () => number
}): Promise<T> {
  const { attempt, retries, clock, stop, random } = options
  for (let tries = 0; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      const asked = retryAfterMs(error, clock.now())
      if (asked !== null && error instanceof VelocastError) error.data.retryAfterMs = asked
      if (!isRetryable(error) || tries >= retries || stop.aborted) throw error
      if (asked !== null && asked > LONGEST_RETRY_AFTER_MS) throw error
      const own = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries) * (0.5 + random())
      await clock.sleep(Math.max(asked ?? 0, asked === null ? own : 0), stop)
      if (stop.aborted) throw error
    }
  }
}

/** Pause that the server asked for, ms from `now`; null when it asked for none that can be read. */
export function retryAfterMs(error: unknown, now: number): number | null {
  const value = error instanceof VelocastError ? error.data.retryAfter : null
  if (typeof value !== 'string') return null
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? null : Math.max(0, date - now)
}
