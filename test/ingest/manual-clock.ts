import type { Clock } from '../../services/platform/clock.ts'

interface Sleeper {
  due: number
  wake: () => void
}

/** A clock that moves only by `advance`. Waits for sleepers, never for time. */
export class ManualClock implements Clock {
  #now: number
  readonly #sleepers = new Set<Sleeper>()
  readonly #watchers = new Set<() => void>()

  constructor(now: number) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const sleeper = {
        due: this.#now + ms,
        wake: () => {
          this.#sleepers.delete(sleeper)
          signal?.removeEventListener('abort', sleeper.wake)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      signal?.addEventListener('abort', sleeper.wake, { once: true })
      for (const watcher of this.#watchers) watcher()
    })
  }

  /** Resolves once `count` sleepers wait: everything that could happen at this time has. */
  async settled(count = 1): Promise<void> {
    while (this.#sleepers.size < count) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher)
          resolve()
        }
        this.#watchers.add(watcher)
      })
    }
  }

  /** Milliseconds until each sleeper wakes, shortest first. */
  pauses(): number[] {
    return [...this.#sleepers].map(({ due }) => due - this.#now).sort((a, b) => a - b)
  }

  advance(ms: number): void {
    this.#now += ms
    for (const sleeper of [...this.#sleepers]) if (sleeper.due <= this.#now) sleeper.wake()
  }
}
