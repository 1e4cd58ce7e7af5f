import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../services/platform/clock.ts'

export interface InstantClock extends Clock {
  advance(ms: number): void
  /** Every sleep that was asked for, ms. */
  readonly sleeps: number[]
}

/** A clock that stands still but for `advance`; a sleep moves it on at once. */
export function instantClock(start = Date.UTC(2024, 10, 1)): InstantClock {
  let now = start
  const sleeps: number[] = []
  return {
    sleeps,
    now: () => now,
    advance(ms) {
      now += ms
    },
    async sleep(ms) {
      sleeps.push(ms)
      now += ms
      await setImmediate()
    },
  }
}
