import type { Clock } from '../../services/platform/clock.ts'

interface Sleeper {
  until: number
  wake: () => void
}

/** A clock that stands still until it is moved. `pass` wakes the sleepers that are due, in order. */
export class ControllableClock implements Clock {
  #now: number
  #sleepers: Sleeper[] = []

  constructor(now: number) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  get sleepers(): number {
    return this.#sleepers.length
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve()
        return
      }
      const sleeper = { until: this.#now + ms, wake: () => resolve() }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        resolve()
      })
    })
  }

  /** Moves the clock by `ms` in steps of a second; after each, everything that was woken has run. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      this.#now += Math.min(1000, left)
      const due = this.#sleepers.filter(({ until }) => until <= this.#now)
      this.#sleepers = this.#sleepers.filter(({ until }) => until > this.#now)
      for (const { wake } of due) wake()
      await settled()
    }
  }
}

/** Resolves when everything that was ready to run has run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
