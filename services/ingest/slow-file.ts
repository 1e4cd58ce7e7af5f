import type { Clock } from '../platform/clock.ts'
import type { Fetched, Validators } from './http-fetch.ts'

/** Discovery, information and vehicle types are fetched at most this often, whatever their time to live. */
const SHORTEST_REFRESH_MS = 60_000
/** And at least this often: a new station should be named within the hour. */
const LONGEST_REFRESH_MS = 3_600_000

export interface SlowFileOptions<T> {
  clock: Clock
  /** Fetches the address, conditionally when validators are given; `kept` says that there is a good one already. */
  fetch: (url: string, known: { validators: Validators | null; kept: boolean }) => Promise<Fetched>
  /** Reads a body; throws when it is malformed. */
  read: (body: Buffer) => { value: T; ttlSeconds: number | null }
  /** Told of every failed refresh; `kept` says that an older good one is used on. */
  failed: (error: unknown, kept: boolean) => void
}

/**
 * A file that changes seldom: fetched again when its time to live (1 to 60 minutes) has passed, conditionally.
 * The last good one is kept through every fault: a broken or unreachable file never takes back what is known.
 */
export class SlowFile<T> {
  readonly #options: SlowFileOptions<T>
  #value: T | null = null
  #error: unknown = null
  #due = Number.NEGATIVE_INFINITY
  #ttlMs = SHORTEST_REFRESH_MS
  #url: string | null = null
  #validators: Validators | null = null

  constructor(options: SlowFileOptions<T>) {
    this.#options = options
  }

  /** The last good one, null before there was any. */
  get value(): T | null {
    return this.#value
  }

  /** Why the last refresh failed, null when it did not. */
  get error(): unknown {
    return this.#error
  }

  /** Starts from what an earlier process knew; it is fetched again at the first refresh. */
  resume(value: T): void {
    this.#value = value
  }

  /** Fetch at the next refresh, whatever the time to live says. */
  expire(): void {
    this.#due = Number.NEGATIVE_INFINITY
  }

  /** Fetches when due or when the address is new. Gives true when there is a new value. Never throws. */
  async refresh(url: string): Promise<boolean> {
    const { clock, fetch, read, failed } = this.#options
    if (url === this.#url && clock.now() < this.#due) return false
    const sameAddress = url === this.#url
    this.#url = url
    try {
      const fetched = await fetch(url, {
        validators: sameAddress ? this.#validators : null,
        kept: this.#value !== null,
      })
      this.#error = null
      if (fetched.kind === 'not_modified') {
        this.#due = clock.now() + this.#ttlMs
        return false
      }
      const { value, ttlSeconds } = read(fetched.body)
      this.#value = value
      this.#validators = fetched.validators
      this.#ttlMs = Math.min(
        LONGEST_REFRESH_MS,
        Math.max(SHORTEST_REFRESH_MS, (ttlSeconds ?? LONGEST_REFRESH_MS / 1000) * 1000),
      )
      this.#due = clock.now() + this.#ttlMs
      return true
    } catch (error) {
      this.#error = error
      this.#due = clock.now() + SHORTEST_REFRESH_MS
      failed(error, this.#value !== null)
      return false
    }
  }
}
