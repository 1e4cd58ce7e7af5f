import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { isRetryable } from '../../errors.ts'
import { backoffMs } from '../backoff.ts'
import type { Position, SubscribeOptions, Subscription } from '../port.ts'
import { notOwned, staleEpoch } from '../stale-epoch.ts'
import { startOffset } from '../start-offset.ts'
import type { Group } from './group.ts'
import type { PartitionState, Storage } from './storage.ts'

const DEFAULT_BATCH_RECORDS = 5_000
/** Bytes of values that end a batch early: with the largest record, a member's memory bound. */
const BATCH_BYTES = 16 * 1024 * 1024

interface Owned {
  state: PartitionState
  next: number
  /** As the epoch began. */
  committed: number | null
  /** Commits below this are those of the past. */
  floor: number
  /** Redeliveries in a row. */
  failures: number
  paused: boolean
}

/** What a member owns in one epoch. `prepared` once `assigned` has run for it. */
interface Tenure {
  epoch: number
  owned: Owned[]
  ended: AbortController
  prepared: boolean
}

/** One member of a group: its loop hands out batches of its partitions in turn, and sleeps until something is new. */
export class Member implements Subscription {
  readonly id: string
  readonly topics: string[]
  readonly #options: SubscribeOptions
  readonly #storage: Storage
  readonly #group: Group
  readonly #clock: Clock
  readonly #logger: Logger | undefined
  readonly #onEnd: () => void
  readonly #stop = new AbortController()
  #tenure: Tenure | null = null
  #turn = 0
  #wake: (() => void) | null = null
  #running: Promise<void> | null = null

  constructor(options: {
    id: string
    subscribe: SubscribeOptions
    storage: Storage
    group: Group
    clock: Clock
    logger: Logger | undefined
    onEnd: () => void
  }) {
    this.id = options.id
    this.topics = options.subscribe.topics
    this.#options = options.subscribe
    this.#storage = options.storage
    this.#group = options.group
    this.#clock = options.clock
    this.#logger = options.logger
    this.#onEnd = options.onEnd
  }

  /** The first batch comes in a later turn: by then the subscriber has its subscription. */
  start(): void {
    this.#group.join(this)
    let failure: { error: unknown } | null = null
    this.#running = nextTurn()
      .then(() => this.#run())
      .catch((error: unknown) => {
        failure = { error }
      })
      .then(() => this.#end())
    void this.#running.then(() => {
      if (failure !== null) this.#options.failed?.(failure.error)
    })
  }

  /** Ends the epoch that was and begins a new one with these partitions. */
  assign(epoch: number, states: PartitionState[]): void {
    this.#tenure?.ended.abort()
    this.#tenure = {
      epoch,
      owned: states.map((state) => this.#own(state)),
      ended: new AbortController(),
      prepared: false,
    }
    this.notify()
  }

  /** Something may be new: look again. */
  notify(): void {
    this.#wake?.()
    this.#wake = null
  }

  async commit(epoch: number, positions: Position[]): Promise<void> {
    const tenure = this.#tenure
    if (tenure === null || tenure.epoch !== epoch) throw staleEpoch(this.#options.group, epoch)
    const moves = positions.map(({ topic, partition, offset }) => {
      const owned = tenure.owned.find(({ state }) => state.topic === topic && state.partition === partition)
      if (owned === undefined) throw notOwned(this.#options.group, epoch, topic, partition)
      return { owned, offset }
    })
    const forward = moves.filter(({ owned, offset }) => offset > owned.floor)
    await this.#storage.commit(
      this.#options.group,
      forward.map(({ owned, offset }) => ({ state: owned.state, offset })),
    )
    for (const { owned, offset } of forward) owned.floor = Math.max(owned.floor, offset)
  }

  async positions(): Promise<(Position & { end: number })[]> {
    return (this.#tenure?.owned ?? []).map(({ state, next }) => ({
      topic: state.topic,
      partition: state.partition,
      offset: next,
      end: state.next,
    }))
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#tenure?.ended.abort()
    this.notify()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const tenure = this.#tenure!
      if (!tenure.prepared) {
        await this.#prepare(tenure)
        continue
      }
      const owned = this.#nextWithRecords(tenure)
      if (owned === null) await this.#sleep()
      else await this.#handOut(tenure, owned)
    }
  }

  async #prepare(tenure: Tenure): Promise<void> {
    for (let failures = 1; !tenure.ended.signal.aborted; failures++) {
      try {
        const positions = await this.#options.assigned?.({
          epoch: tenure.epoch,
          partitions: tenure.owned.map(({ state, committed }) => ({
            topic: state.topic,
            partition: state.partition,
            committed,
          })),
        })
        for (const { topic, partition, offset } of positions ?? []) {
          const owned = tenure.owned.find(
            ({ state }) => state.topic === topic && state.partition === partition,
          )
          if (owned !== undefined) owned.next = this.#startOf(owned.state, offset)
        }
        tenure.prepared = true
        return
      } catch (error) {
        if (!isRetryable(error)) throw error
        this.#logger?.warn({ err: error, group: this.#options.group }, 'assignment failed, trying again')
        await this.#clock.sleep(backoffMs(failures), tenure.ended.signal)
      }
    }
  }

  /** Partitions take turns, so that a busy one does not starve the others. */
  #nextWithRecords(tenure: Tenure): Owned | null {
    const { owned } = tenure
    for (let step = 0; step < owned.length; step++) {
      const candidate = owned[(this.#turn + step) % owned.length]!
      if (candidate.paused || candidate.next >= candidate.state.next) continue
      this.#turn = (this.#turn + step + 1) % owned.length
      return candidate
    }
    return null
  }

  async #handOut(tenure: Tenure, owned: Owned): Promise<void> {
    const { state } = owned
    const limit = this.#options.maxBatchRecords ?? DEFAULT_BATCH_RECORDS
    const end = state.next
    const records = this.#storage.read(state, owned.next, limit, BATCH_BYTES)
    const last = records.at(-1)
    if (last === undefined) {
      owned.next = end
      return
    }
    try {
      await this.#options.batch({
        topic: state.topic,
        partition: state.partition,
        epoch: tenure.epoch,
        records,
        end,
        signal: tenure.ended.signal,
      })
      owned.next = last.offset + 1
      owned.failures = 0
    } catch (error) {
      if (tenure.ended.signal.aborted) return
      if (!isRetryable(error)) throw error
      owned.failures++
      owned.paused = true
      const delay = backoffMs(owned.failures)
      this.#logger?.warn(
        { err: error, group: this.#options.group, topic: state.topic, partition: state.partition, delay },
        'batch failed, it comes again',
      )
      void this.#clock.sleep(delay, tenure.ended.signal).then(() => {
        owned.paused = false
        this.notify()
      })
    }
    await nextTurn()
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #own(state: PartitionState): Owned {
    const { group } = this.#options
    const committed = this.#storage.committed(group, state)
    const start = this.#startOf(state, committed)
    if (committed !== start) this.#storage.commitNow(group, [{ state, offset: start }])
    return { state, next: start, committed, floor: start, failures: 0, paused: false }
  }

  #startOf(state: PartitionState, offset: number | null): number {
    const first = this.#storage.firstOffset(state)
    const start = startOffset({ offset, first, end: state.next, from: this.#options.from })
    if (offset !== null && offset !== start) {
      this.#logger?.warn(
        { group: this.#options.group, topic: state.topic, partition: state.partition, offset, start },
        'position is outside of what the topic holds, beginning elsewhere',
      )
    }
    return start
  }

  #end(): void {
    this.#stop.abort()
    this.#tenure?.ended.abort()
    this.#tenure = null
    this.#group.leave(this)
    this.#onEnd()
  }
}
