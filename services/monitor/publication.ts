import type { Clock } from '../platform/clock.ts'
import type { PartitionMonitor } from './partition-monitor.ts'

export interface PublicationOptions {
  clock: Clock
  /** Least time between two publications of a partition, ms. */
  intervalMs: number
  /** A pause is at least so many times as long as the publication before it. */
  rest: number
  /** Ends all waiting. */
  signal: AbortSignal
  /** Called when a partition that was put off is due; it is to call `publish` again. */
  later(monitor: PartitionMonitor): void
  /** What is done at these times. Default: `publish` of the monitor. */
  work?(monitor: PartitionMonitor): Promise<unknown>
}

/**
 * When artefacts are written: at once after a pause, and no oftener than that, however quickly polls come. So a replay
 * that brings a day in a second does not assess its 24 windows for readers that see the last one only.
 */
export class Publication {
  readonly #options: PublicationOptions
  readonly #next = new Map<PartitionMonitor, number>()
  readonly #waiting = new Set<PartitionMonitor>()

  constructor(options: PublicationOptions) {
    this.#options = options
  }

  /** Publishes what is due, or puts it off. */
  async publish(monitor: PartitionMonitor): Promise<void> {
    const { clock, intervalMs, rest } = this.#options
    const began = clock.now()
    if (began < (this.#next.get(monitor) ?? 0)) return this.postpone(monitor)
    await (this.#options.work?.(monitor) ?? monitor.publish())
    const ended = clock.now()
    this.#next.set(monitor, ended + (intervalMs === 0 ? 0 : Math.max(intervalMs, rest * (ended - began))))
  }

  /** Calls `later` once the pause is over. */
  postpone(monitor: PartitionMonitor): void {
    if (this.#waiting.has(monitor)) return
    this.#waiting.add(monitor)
    const { clock, intervalMs, signal, later } = this.#options
    const wait = Math.max(intervalMs / 10, (this.#next.get(monitor) ?? 0) - clock.now())
    void clock.sleep(wait, signal).then(() => {
      this.#waiting.delete(monitor)
      if (!signal.aborted) later(monitor)
    })
  }

  /** A new epoch: nothing of the old one is published any more. */
  forget(): void {
    this.#next.clear()
  }
}
