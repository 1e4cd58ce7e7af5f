import type { Clock } from './clock.ts'

/** A commit that failed on its own time is tried again after so many intervals. */
const AGAIN_INTERVALS = 4

/**
 * Spaces out the last step of a commit protocol: the files that are replaced as a whole, and the position after them.
 * While more comes, it runs once an interval; what came last is committed within an interval by itself. Positions that
 * are not yet committed are handled again after a kill, so the interval bounds what a kill costs.
 *
 * Runs take turns. Holds a timer of the clock at most.
 */
export class PacedCommit {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #commit: () => Promise<void>
  readonly #failed: (error: unknown) => void
  #last = Number.NEGATIVE_INFINITY
  #turn: Promise<void> = Promise.resolve()
  #timer: AbortController | null = null
  #paced = true
  #closed = false

  constructor(options: {
    clock: Clock
    /** Least time between two runs, ms; 0 for a run each time. */
    intervalMs: number
    /** Commits all that is handled when it begins. */
    commit: () => Promise<void>
    /** Told of a run that nobody waited for and that failed; it is tried again. */
    failed: (error: unknown) => void
  }) {
    this.#clock = options.clock
    this.#intervalMs = options.intervalMs
    this.#commit = options.commit
    this.#failed = options.failed
  }

  /** Something is to be committed: now when the interval is over, else at its end. Rejects as a run now does. */
  async due(): Promise<void> {
    const wait = this.#last + this.#intervalMs - this.#clock.now()
    if (wait <= 0 || !this.#paced) await this.now()
    else this.#later(wait)
  }

  /** Commits at once, after the run at work. Rejects as the run does. */
  now(): Promise<void> {
    this.#timer?.abort()
    this.#timer = null
    const run = this.#turn.then(async () => {
      if (this.#closed) return
      await this.#commit()
      this.#last = this.#clock.now()
    })
    this.#turn = run.catch(() => undefined)
    return run
  }

  /** Commits what is left, and from here on each time: before the end nothing waits. Rejects as the run does. */
  drain(): Promise<void> {
    this.#paced = false
    return this.now()
  }

  /** Nothing begins any more; resolves when the run at work has ended. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.abort()
    this.#timer = null
    await this.#turn
  }

  #later(wait: number): void {
    if (this.#timer !== null || this.#closed) return
    const timer = new AbortController()
    this.#timer = timer
    void this.#clock.sleep(wait, timer.signal).then(() => {
      if (timer.signal.aborted) return
      this.now().catch((error: unknown) => {
        this.#failed(error)
        this.#later(this.#intervalMs * AGAIN_INTERVALS)
      })
    })
  }
}
