import { aborted } from './aborted.ts'
import type { Assignment, EventLog, Position, Subscription, TopicPartition } from './event-log/port.ts'

/**
 * How far a consumer's handling has come in the partitions it owns, for `caughtUp`: positions alone say what was handed
 * out, not what was handled.
 */
export class ConsumerProgress {
  readonly #log: Pick<EventLog, 'offsetsAt'>
  #handled: Map<string, number> | null = null

  constructor(log: Pick<EventLog, 'offsetsAt'>) {
    this.#log = log
  }

  /** A new epoch: `starts` are the positions begun at instead of the committed ones. */
  assigned({ partitions }: Assignment, starts: readonly Position[] = []): void {
    this.#handled = new Map()
    for (const { topic, partition, committed } of partitions) {
      if (committed !== null) this.handled({ topic, partition }, committed)
    }
    for (const start of starts) this.handled(start, start.offset)
  }

  /** Everything below `offset` has had its effects. */
  handled({ topic, partition }: TopicPartition, offset: number): void {
    this.#handled?.set(`${topic}/${partition}`, offset)
  }

  /** True when all that is in the owned partitions now was handled; false before the first assignment. */
  async caughtUp(subscription: Subscription): Promise<boolean> {
    if (this.#handled === null) return false
    const positions = await subscription.positions()
    for (const position of positions) {
      const handled = this.#handled.get(`${position.topic}/${position.partition}`)
      if (handled !== undefined ? handled < position.end : !(await this.#isEmpty(position))) return false
    }
    return true
  }

  async #isEmpty({ topic, partition, end }: Position & { end: number }): Promise<boolean> {
    if (end === 0) return true
    const first = (await this.#log.offsetsAt(topic, 0)).find((position) => position.partition === partition)
    return first?.offset === end
  }
}

/** Waits for the running batch and leaves the group, or gives up waiting when the signal aborts. */
export async function closeWithin(
  subscribing: Promise<Subscription> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const closing = subscribing?.then((subscription) => subscription.close())
  await Promise.race([closing, aborted(signal)])
}
