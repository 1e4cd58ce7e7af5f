/** The longest time to live that is obeyed, seconds: forecasts need data every few minutes, whatever a feed says. */
const LONGEST_TTL_S = 120

export interface PollInterval {
  seconds: number
  /** Why the feed's time to live is not obeyed; null where it is, or where the interval is no shorter anyway. */
  ignored: string | null
}

/**
 * Seconds between polls: the configured interval, or the feed's time to live where that is longer, up to 120 s. A time
 * to live of 0, or above 120 s, is ignored.
 */
export function pollInterval(options: { pollSeconds: number; ttlSeconds: number | null }): PollInterval {
  const { pollSeconds, ttlSeconds } = options
  if (ttlSeconds === null) return { seconds: pollSeconds, ignored: null }
  if (ttlSeconds === 0) {
    return { seconds: pollSeconds, ignored: `ttl is 0 s: it says nothing, polled every ${pollSeconds} s` }
  }
  if (ttlSeconds > LONGEST_TTL_S) {
    if (ttlSeconds <= pollSeconds) return { seconds: pollSeconds, ignored: null }
    return {
      seconds: pollSeconds,
      ignored: `ttl of ${ttlSeconds} s is longer than ${LONGEST_TTL_S} s: polled every ${pollSeconds} s`,
    }
  }
  return { seconds: Math.max(pollSeconds, ttlSeconds), ignored: null }
}
