import type { Consumer, ConsumerCrashEvent, EachBatchPayload } from 'kafkajs'
import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { isRetryable, VelocastError } from '../../errors.ts'
import { backoffMs } from '../backoff.ts'
import type { Position, SubscribeOptions, Subscription, TopicPartition } from '../port.ts'
import { notOwned, staleEpoch } from '../stale-epoch.ts'
import { startOffset } from '../start-offset.ts'
import { partitionAssigner } from './assigner.ts'
import { KAFKA_RETRY, type KafkaConnection } from './connection.ts'
import { isWorthRejoining, joinAnew, kafkaError } from './kafka-error.ts'
import { toLogRecord } from './log-record.ts'
import { type Owned, Tenure } from './tenure.ts'
import type { KafkaTopics } from './topics.ts'

const DEFAULT_BATCH_RECORDS = 5_000
const PARTITION_FETCH_BYTES = 4 * 1024 * 1024
const FETCH_BYTES = 16 * 1024 * 1024
/** An idle fetch ends after this, so that a rebalance or a close is noticed soon; a record ends it at once. */
const IDLE_FETCH_MS = 250
/** How long the group waits for a member's running batch before it goes on without it. */
const REBALANCE_TIMEOUT_MS = 60_000

export interface KafkaSubscriptionOptions {
  connection: KafkaConnection
  topics: KafkaTopics
  subscribe: SubscribeOptions
  sessionTimeoutMs: number
  clock: Clock
  logger: Logger
}

/**
 * A member of a consumer group.
 *
 * 1. Each join ends the epoch that was, at its very beginning: its signal aborts, its commits are refused.
 * 2. When joined, every partition is paused. The committed positions are read, and committed again under the new
 *    generation: so a partition without one gets one, and the broker tells the generation, which is the epoch.
 * 3. `assigned` runs; then the partitions are put at their positions and resumed.
 * 4. Batches are handed out one at a time, with heartbeats while the handler works. What fails with a retryable error
 *    is paused and comes again; nothing is committed but by `commit`, under the generation of its epoch.
 * 5. kafkajs goes on with the assignment before when the answer to a join is lost, though the group has a new generation
 *    and this member's epoch is over. Batches that come then are refused as by a group that joins, so that it joins again.
 */
export class KafkaSubscription implements Subscription {
  readonly #options: KafkaSubscriptionOptions
  readonly #consumer: Consumer
  readonly #heartbeatMs: number
  #tenure: Tenure | null = null
  #preparing: Promise<void> = Promise.resolve()
  #lastEpoch = 0
  #generation = 0
  #failure: { error: unknown } | null = null
  /** Times in all that it joined again after a crash. */
  #crashes = 0
  #closing: Promise<void> | null = null
  /** Settles when the joining that is under way has ended, either way. */
  #joining: Promise<void> = Promise.resolve()
  readonly #leaving = new AbortController()

  constructor(options: KafkaSubscriptionOptions) {
    this.#options = options
    const { connection, subscribe, sessionTimeoutMs } = options
    this.#heartbeatMs = Math.max(100, Math.min(3_000, Math.floor(sessionTimeoutMs / 5)))
    this.#consumer = connection.kafka.consumer({
      groupId: subscribe.group,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: Math.max(REBALANCE_TIMEOUT_MS, sessionTimeoutMs),
      heartbeatInterval: this.#heartbeatMs,
      maxBytesPerPartition: PARTITION_FETCH_BYTES,
      maxBytes: FETCH_BYTES,
      maxWaitTimeInMs: IDLE_FETCH_MS,
      allowAutoTopicCreation: false,
      partitionAssigners: [partitionAssigner({ joining: () => this.#tenure?.end() })],
      // Its own restart is a timer that survives `disconnect`: a member that was told to leave would come back.
      retry: { ...KAFKA_RETRY, restartOnFailure: async () => false },
    })
  }

  async start(): Promise<void> {
    const { connection, subscribe } = this.#options
    const consumer = this.#consumer
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#joined(payload.memberAssignment))
    consumer.on(consumer.events.CRASH, (event) => this.#crashed(event))
    consumer.on(consumer.events.HEARTBEAT, () => this.#woken())
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      this.#generation = Math.max(this.#generation, payload.groupGenerationId)
    })
    await connection.connect(consumer)
    try {
      await consumer.subscribe({ topics: subscribe.topics, fromBeginning: subscribe.from !== 'latest' })
      await this.#run()
    } catch (error) {
      await this.close()
      throw kafkaError(error, subscribe.group)
    }
    if (this.#failure !== null) {
      await this.close()
      throw this.#failure.error
    }
  }

  async commit(epoch: number, positions: Position[]): Promise<void> {
    const { group } = this.#options.subscribe
    const tenure = this.#tenure
    if (tenure === null || tenure.over || tenure.epoch !== epoch) throw staleEpoch(group, epoch)
    const moves = positions.map(({ topic, partition, offset }) => {
      const owned = tenure.get(topic, partition)
      if (owned === undefined) throw notOwned(group, epoch, topic, partition)
      return { owned, offset }
    })
    const forward = moves.filter(({ owned, offset }) => offset > owned.floor)
    if (forward.length === 0) return
    for (let failures = 1; ; failures++) {
      if (tenure.over) throw staleEpoch(group, epoch)
      try {
        await this.#commitOnce(tenure, forward)
        break
      } catch (error) {
        const mapped = kafkaError(error, group)
        if (mapped.code === 'log_stale_epoch') tenure.end()
        if (!mapped.retryable || failures > 5) throw mapped
        await this.#options.clock.sleep(backoffMs(failures), tenure.stop.signal)
      }
    }
    for (const { owned, offset } of forward) owned.floor = Math.max(owned.floor, offset)
  }

  async positions(): Promise<(Position & { end: number })[]> {
    await this.#preparing
    const tenure = this.#tenure
    if (tenure === null) return []
    const ends = new Map(
      await Promise.all(
        tenure.topics.map(async (topic) => [topic, await this.#options.topics.offsets(topic)] as const),
      ),
    )
    return [...tenure.owned.values()].map(({ topic, partition, next }) => ({
      topic,
      partition,
      offset: next,
      end: ends.get(topic)?.get(partition)?.high ?? next,
    }))
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#tenure?.stop.abort()
      this.#leaving.abort()
      await this.#leave()
      await this.#joining
      await this.#leave()
      this.#tenure?.end()
      await this.#preparing
      const { subscribe, topics, logger } = this.#options
      if (subscribe.transient !== true) return
      await topics.deleteGroup(subscribe.group).catch((error: unknown) => {
        logger.debug({ err: error, group: subscribe.group }, 'group stays until its offsets expire')
      })
    })()
    return this.#closing
  }

  async #leave(): Promise<void> {
    await this.#consumer.disconnect().catch((error: unknown) => {
      this.#options.logger.debug({ err: error }, 'kafka consumer did not leave its group')
    })
  }

  #joined(assignment: Record<string, number[]>): void {
    this.#tenure?.end()
    const tenure = new Tenure(assignment)
    this.#tenure = tenure
    if (this.#closing !== null) tenure.end()
    if (tenure.over) return
    this.#consumer.pause(tenure.partitions)
    this.#preparing = this.#preparing.then(() => this.#prepare(tenure))
  }

  async #prepare(tenure: Tenure): Promise<void> {
    const { subscribe, clock, logger } = this.#options
    for (let failures = 1; !tenure.stop.signal.aborted; failures++) {
      try {
        if (tenure.epoch === null) tenure.epoch = await this.#beginEpoch(tenure)
        const positions = await subscribe.assigned?.({
          epoch: tenure.epoch,
          partitions: [...tenure.owned.values()].map(({ topic, partition, committed }) => ({
            topic,
            partition,
            committed,
          })),
        })
        if (tenure.stop.signal.aborted) return
        for (const { topic, partition, offset } of positions ?? []) {
          const owned = tenure.get(topic, partition)
          if (owned !== undefined) owned.next = this.#startOf(owned, offset)
        }
        for (const { topic, partition, next } of tenure.owned.values()) {
          this.#consumer.seek({ topic, partition, offset: String(next) })
        }
        tenure.prepared = true
        this.#consumer.resume(tenure.partitions)
        return
      } catch (error) {
        if (tenure.stop.signal.aborted) return
        if (!isRetryable(error)) return this.#fail(error)
        logger.warn({ err: error, group: subscribe.group }, 'assignment failed, trying again')
        await clock.sleep(backoffMs(failures), tenure.stop.signal)
      }
    }
  }

  /** Finds where each partition begins and gives the generation. */
  async #beginEpoch(tenure: Tenure): Promise<number> {
    const { topics, subscribe } = this.#options
    if (tenure.owned.size === 0) return ++this.#lastEpoch
    const committed = await topics.committed(subscribe.group, tenure.topics)
    for (const topic of tenure.topics) {
      for (const [partition, { low, high }] of await topics.offsets(topic)) {
        const owned = tenure.get(topic, partition)
        if (owned === undefined) continue
        owned.committed = committed.get(`${topic}/${partition}`) ?? null
        owned.low = low
        owned.high = high
        owned.next = this.#startOf(owned, owned.committed)
        owned.floor = owned.next
      }
    }
    const starts = [...tenure.owned.values()].map(({ next, ...at }) => offsetAt(at, next))
    const before = this.#generation
    try {
      await this.#consumer.commitOffsets(starts)
    } catch (error) {
      throw kafkaError(error, subscribe.group)
    }
    if (this.#generation <= before && this.#generation <= this.#lastEpoch) {
      throw new VelocastError({
        code: 'log_unreachable',
        retryable: true,
        message: `kafka has not told the generation of this group yet: ${subscribe.group}`,
      })
    }
    this.#lastEpoch = Math.max(this.#generation, this.#lastEpoch + 1)
    return this.#lastEpoch
  }

  #startOf({ topic, partition, low, high }: Owned, offset: number | null): number {
    const { subscribe, logger } = this.#options
    const start = startOffset({ offset, first: low, end: high, from: subscribe.from })
    if (offset !== null && offset !== start) {
      logger.warn(
        { group: subscribe.group, topic, partition, offset, start },
        'position is outside of what the topic holds, beginning elsewhere',
      )
    }
    return start
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload
    const tenure = this.#tenure
    if (this.#mustJoinAnew(tenure)) throw joinAnew(this.#options.subscribe.group)
    const owned = tenure?.get(batch.topic, batch.partition)
    if (tenure === null || owned === undefined || !tenure.prepared || payload.isStale()) return
    tenure.commitOnce = payload.commitOffsetsIfNecessary
    const limit = this.#options.subscribe.maxBatchRecords ?? DEFAULT_BATCH_RECORDS
    const messages = batch.messages.filter(({ offset }) => Number(offset) >= owned.next)
    for (let start = 0; start < messages.length; start += limit) {
      if (tenure.stop.signal.aborted) return
      const chunk = messages.slice(start, start + limit)
      if (!(await this.#handOut({ tenure, owned, payload, chunk }))) return
      const last = chunk.at(-1)!.offset
      const final = start + limit >= messages.length
      payload.resolveOffset(final ? batch.lastOffset() : last)
      owned.next = Number(final ? batch.lastOffset() : last) + 1
      await payload.heartbeat()
    }
  }

  /** What a lost join left paused is asked for again, to be refused by `#eachBatch`. */
  #woken(): void {
    const tenure = this.#tenure
    if (tenure !== null && this.#mustJoinAnew(tenure)) this.#consumer.resume(tenure.partitions)
  }

  #mustJoinAnew(tenure: Tenure | null): boolean {
    return tenure?.over === true && this.#closing === null && this.#failure === null
  }

  /** True when the handler is done with the chunk. */
  async #handOut(work: {
    tenure: Tenure
    owned: Owned
    payload: EachBatchPayload
    chunk: EachBatchPayload['batch']['messages']
  }): Promise<boolean> {
    const { tenure, owned, payload, chunk } = work
    const { topic, partition } = owned
    const beating = setInterval(() => {
      payload.heartbeat().catch((error: unknown) => {
        if (kafkaError(error, topic).code === 'log_stale_epoch' && !isOnlyRebalancing(error)) tenure.end()
      })
    }, this.#heartbeatMs)
    try {
      await this.#options.subscribe.batch({
        topic,
        partition,
        epoch: tenure.epoch!,
        records: chunk.map((message) => toLogRecord({ topic, partition, message })),
        end: Number(payload.batch.highWatermark),
        signal: tenure.stop.signal,
      })
      owned.failures = 0
      return true
    } catch (error) {
      if (tenure.over) return false
      if (!isRetryable(error)) this.#fail(error)
      else this.#redeliver(tenure, owned, error)
      return false
    } finally {
      clearInterval(beating)
    }
  }

  #redeliver(tenure: Tenure, owned: Owned, error: unknown): void {
    const { clock, logger, subscribe } = this.#options
    const { topic, partition } = owned
    const delay = backoffMs(++owned.failures)
    const where = [{ topic, partitions: [partition] }]
    this.#consumer.pause(where)
    logger.warn(
      { err: error, group: subscribe.group, topic, partition, delay },
      'batch failed, it comes again',
    )
    void clock.sleep(delay, tenure.stop.signal).then(() => {
      if (!tenure.stop.signal.aborted) this.#consumer.resume(where)
    })
  }

  async #commitOnce(tenure: Tenure, moves: { owned: Owned; offset: number }[]): Promise<void> {
    const flat = moves.map(({ owned, offset }) => offsetAt(owned, offset))
    if (tenure.commitOnce === null) return this.#consumer.commitOffsets(flat)
    const topics = [...new Set(flat.map(({ topic }) => topic))]
    return tenure.commitOnce({
      topics: topics.map((topic) => ({
        topic,
        partitions: flat
          .filter((entry) => entry.topic === topic)
          .map(({ partition, offset }) => ({ partition, offset })),
      })),
    })
  }

  #crashed({ payload }: ConsumerCrashEvent): void {
    this.#tenure?.end()
    if (this.#closing !== null) return
    const { group } = this.#options.subscribe
    const error = kafkaError(payload.error, group)
    if (!error.retryable && !isWorthRejoining(payload.error)) {
      this.#fail(error)
      return
    }
    this.#options.logger.warn({ err: error, group }, 'kafka consumer lost its group, joining again')
    this.#joining = this.#joinAgain()
  }

  #run(): Promise<void> {
    return this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => this.#eachBatch(payload),
    })
  }

  async #joinAgain(): Promise<void> {
    await this.#options.clock.sleep(backoffMs(++this.#crashes), this.#leaving.signal)
    if (this.#closing !== null || this.#failure !== null) return
    await this.#run().catch((error: unknown) => this.#fail(kafkaError(error, this.#options.subscribe.group)))
  }

  /** Ends the subscription; not awaited, since leaving the group waits for the batch that may be calling. */
  #fail(error: unknown): void {
    if (this.#failure !== null || this.#closing !== null) return
    this.#failure = { error }
    this.#tenure?.stop.abort()
    void Promise.resolve()
      .then(() => this.close())
      .then(() => this.#options.subscribe.failed?.(error))
  }
}

/** In the form that kafkajs commits. */
function offsetAt({ topic, partition }: TopicPartition, offset: number): TopicPartition & { offset: string } {
  return { topic, partition, offset: String(offset) }
}

/** Others are joining: the epoch goes on until we join too, so what runs may be finished and committed. */
function isOnlyRebalancing(error: unknown): boolean {
  return error instanceof Error && 'type' in error && error.type === 'REBALANCE_IN_PROGRESS'
}
