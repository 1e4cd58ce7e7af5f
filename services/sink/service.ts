import { aborted } from '../platform/aborted.ts'
import { hasCode, VelocastError } from '../platform/errors.ts'
import { consume, type DecodedBatch } from '../platform/event-log/consume.ts'
import type { Assignment, Position, Subscription } from '../platform/event-log/port.ts'
import { PacedCommit } from '../platform/paced-commit.ts'
import { removeLeftDatabases } from '../platform/parquet/left-databases.ts'
import { retried } from '../platform/retried.ts'
import { type Schedule, startSchedule } from '../platform/schedule/schedule.ts'
import type { HealthCheck, Platform, Service } from '../platform/service.ts'
import { GROUPS, TOPICS } from '../platform/topics.ts'
import { compactDue } from './compaction/cycle.ts'
import { ForecastRecorder, type RecorderStep } from './forecasts/recorder.ts'
import { claimSinkLedger, type SinkLedger } from './ledger.ts'
import { createSinkMetrics } from './metrics.ts'
import type { OwnedLedger } from './owned-ledger.ts'
import { isOfAnotherLog, judgeFailure, writeAll } from './ownership.ts'
import { Partition, resumeOffset } from './partition.ts'
import { writePart } from './write-part.ts'

export interface SinkOptions {
  /** Least time between two writes of a partition's ledger, ms: a bucket takes one write of an object a second. Default 1,000. */
  ledgerIntervalMs?: number
  /** Called with each step's name after it, for tests that stop there. */
  fault?: (step: SinkStep) => Promise<void> | void
}

/** Steps of the commit protocol, in order; then those of the jobs over what it wrote. */
export type SinkStep =
  | 'claimed'
  | 'taken'
  | 'part_written'
  | 'parts_written'
  | 'ledger_written'
  | 'committed'
  | RecorderStep
  | `compaction_${string}`

interface Owned {
  epoch: number
  partition: number
  state: Partition
  file: OwnedLedger<SinkLedger>
  /** Steps 4 and 5, paced. */
  commit: PacedCommit
  /** Failures of its batches in a row. */
  failures: number
}

/** Longest wait of `finish` for a compaction that another process holds: a killed holder's lease is over by then. */
const FINISH_WAIT_MS = 180_000
const HOUR_MS = 3_600_000
const LEDGER_INTERVAL_MS = 1_000

/**
 * The sink: status records to Parquet; forecasts of record too, in a group of their own (`ForecastRecorder`).
 *
 * Commit protocol, for each partition and epoch:
 * 1. `claimed`: a new epoch drops all state. The ledger `ledger/sink/p<partition>.json` is read and written with its
 *    own epoch raised, over the generation that was read: from here on no earlier owner can write it. Reading begins
 *    at the lowest offset that the ledger does not call durable.
 * 2. `taken`: a batch's records go into memory: observations by bin, of each station the last; poll records by hour.
 *    Records below their system's `next_offset` are durable and skipped. Bins whose end the system's watermark has
 *    passed are sealed.
 * 3. `part_written`, `parts_written`: each sealed part is created if absent, under a name that follows from its rows.
 *    A failure leaves it sealed: the batch comes again, its records are known, and the write is tried again.
 * 4. `ledger_written`: the ledger says what is durable, over the generation of this owner. A refusal means that
 *    another owner has claimed the partition: nothing is committed, and the epoch ends.
 * 5. `committed`: the group's offset moves to the lowest that is not durable.
 * Steps 4 and 5 are taken once an interval (`ledgerIntervalMs`) for all that is durable by then, the last by themselves.
 * A stop anywhere repeats work from the ledger's offsets: the same rows make the same names, and rows that are written
 * twice are one row after compaction.
 *
 * Memory, a system: one observation a station for each open bin (two, more only for late rows), the poll records of
 * an hour, and the sealed parts of one batch. Compaction is bounded for itself (`compactDaily`).
 */
export function createSinkService(platform: Platform, options: SinkOptions = {}): Service {
  return new SinkService(platform, options)
}

class SinkService implements Service {
  readonly name = 'sink'
  readonly #platform: Platform
  readonly #options: SinkOptions
  readonly #metrics: ReturnType<typeof createSinkMetrics>
  readonly #recorder: ForecastRecorder
  readonly #owned = new Map<number, Owned>()
  readonly #seen = new Map<string, string>()
  #subscription = Promise.withResolvers<Subscription>()
  #schedule: Schedule | null = null
  #running = 0
  #started = false
  #assignedOnce = false
  #draining = false
  #failure: unknown = null
  #lastError: string | null = null
  #onFailure: (error: unknown) => void = () => undefined
  #compaction: Promise<void> = Promise.resolve()

  constructor(platform: Platform, options: SinkOptions) {
    this.#platform = platform
    this.#options = options
    this.#metrics = createSinkMetrics(platform.metrics)
    this.#recorder = new ForecastRecorder({
      platform,
      metrics: this.#metrics,
      ledgerIntervalMs: options.ledgerIntervalMs ?? LEDGER_INTERVAL_MS,
      fault: (step) => this.#step(step),
      failed: (error) => this.#failed(error),
    })
    this.#subscription.promise.catch(() => undefined)
  }

  async start(): Promise<void> {
    const { clock, config, logger } = this.#platform
    const left = await removeLeftDatabases()
    if (left.length > 0) logger.info({ left }, 'removed temporary files of processes that were killed')
    this.#schedule = startSchedule({
      expression: config.sink.schedule,
      clock,
      task: (signal) => this.#compact({ dueMs: config.sink.due_hours * HOUR_MS, waitMs: 0, signal }),
      onError: (error) =>
        logger.error({ err: error }, 'compaction failed, it is tried again with the next check'),
    })
    try {
      this.#subscription.resolve(
        await consume({
          platform: this.#platform,
          service: this.name,
          group: GROUPS.sink,
          topics: [TOPICS.status],
          from: 'earliest',
          assigned: (assignment) => this.#assigned(assignment),
          batch: (batch) => this.#batch(batch),
          failed: (error) => this.#failed(error),
        }),
      )
      this.#started = true
    } catch (error) {
      this.#subscription.reject(error)
      throw error
    }
    await this.#recorder.start()
  }

  async caughtUp(): Promise<boolean> {
    const subscription = await this.#subscription.promise
    const positions = await subscription.positions()
    const read = positions.every(({ offset, end }) => offset >= end)
    return this.#assignedOnce && this.#running === 0 && read && this.#recorder.caughtUp()
  }

  async finish(): Promise<void> {
    await this.#recorder.finish()
    for (const owned of this.#owned.values()) {
      await retried(async () => {
        owned.state.sealAll()
        await this.#writeParts(owned, null)
        await owned.commit.now()
      }, this.#platform.clock)
    }
    await this.#compact({ dueMs: 0, waitMs: FINISH_WAIT_MS })
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true
    const work = (async () => {
      await this.#schedule?.stop()
      await this.#recorder.drain(signal)
      for (const owned of this.#owned.values()) {
        await this.#writeParts(owned, signal)
          .then(() => owned.commit.drain())
          .catch((error) => {
            this.#platform.logger.warn(
              { err: error },
              'what was not committed is read again by the next owner',
            )
          })
      }
    })()
    await Promise.race([work, aborted(signal)])
  }

  async close(): Promise<void> {
    await this.#schedule?.stop()
    await this.#recorder.close()
    await this.#closeCommits()
    if (!this.#started) return
    await (await this.#subscription.promise).close()
  }

  health(): HealthCheck[] {
    const failing = [...this.#owned.values()].filter(({ failures }) => failures > 0)
    return [
      {
        name: 'sink',
        ok: this.#failure === null && failing.length + this.#recorder.failing === 0,
        detail:
          this.#failure !== null || failing.length + this.#recorder.failing > 0
            ? (this.#lastError ?? 'failed')
            : `${this.#owned.size} partitions owned`,
      },
    ]
  }

  onFailure(callback: (error: unknown) => void): void {
    this.#onFailure = callback
    if (this.#failure !== null) callback(this.#failure)
  }

  async #assigned({ epoch, partitions }: Assignment): Promise<Position[]> {
    await this.#closeCommits()
    this.#owned.clear()
    this.#metrics.openBins.reset()
    this.#metrics.unreadableParts.reset()
    this.#assignedOnce = false
    const { log, objects, clock, logger } = this.#platform
    const ends = new Map(
      (await log.lag(GROUPS.sink, [TOPICS.status])).map(({ partition, end }) => [partition, end]),
    )
    const positions: Position[] = []
    for (const { topic, partition, committed } of partitions) {
      const file = await claimSinkLedger(objects, partition)
      const { ledger } = file
      const fresh = isOfAnotherLog(ledger, { committed, end: ends.get(partition) })
      if (fresh && Object.keys(ledger.systems).length > 0) {
        logger.warn(
          { partition, position: ledger.position, committed },
          'log is newer than the ledger, reading it whole',
        )
      }
      const state = new Partition({ ledger, fresh })
      const owned: Omit<Owned, 'commit'> = { epoch, partition, state, file, failures: 0 }
      const commit = new PacedCommit({
        clock,
        intervalMs: this.#options.ledgerIntervalMs ?? LEDGER_INTERVAL_MS,
        commit: () => this.#commit(owned),
        failed: (error) => void this.#judge(error, owned),
      })
      this.#owned.set(partition, Object.assign(owned, { commit }))
      if (!fresh && ledger.position > 0) positions.push({ topic, partition, offset: resumeOffset(ledger) })
      else if (fresh && committed !== null) positions.push({ topic, partition, offset: 0 })
    }
    await this.#step('claimed')
    this.#assignedOnce = true
    return positions
  }

  async #batch(batch: DecodedBatch): Promise<void> {
    const owned = this.#owned.get(batch.partition)
    if (owned === undefined || owned.epoch !== batch.epoch || this.#draining) return
    this.#running += 1
    try {
      const lateRows = owned.state.take(batch.records, batch.nextOffset)
      for (const [system, rows] of lateRows) this.#metrics.lateRows.inc({ system }, rows)
      this.#metrics.openBins.set({ partition: String(batch.partition) }, owned.state.openBins)
      await this.#step('taken')
      await this.#writeParts(owned, batch.signal)
      if (batch.signal.aborted) return
      await owned.commit.due()
      owned.failures = 0
    } catch (error) {
      if (batch.signal.aborted) {
        this.#refused(error, owned)
        return
      }
      throw this.#judge(error, owned)
    } finally {
      this.#running -= 1
    }
  }

  /** Step 3; less of it when the signal aborts. */
  async #writeParts({ state, partition }: Owned, signal: AbortSignal | null): Promise<void> {
    const { objects } = this.#platform
    await writeAll(state.due, async (part) => {
      if (signal?.aborted) return
      await writePart({ objects, part, partition })
      state.written(part)
      const labels = { system: part.system, kind: part.kind }
      this.#metrics.parts.inc(labels)
      this.#metrics.rows.inc(labels, part.kind === 'bronze' ? part.rows.length : part.polls.length)
      await this.#step('part_written')
    })
    if (!signal?.aborted) await this.#step('parts_written')
  }

  /** Steps 4 and 5. */
  async #commit({ state, partition, file, epoch }: Omit<Owned, 'commit'>): Promise<void> {
    const progress = state.progress()
    const moved = JSON.stringify(progress.systems) !== JSON.stringify(file.ledger.systems)
    if (!moved && progress.position === file.ledger.position) return
    await file.write(progress)
    await this.#step('ledger_written')

    const subscription = await this.#subscription.promise
    await subscription.commit(epoch, [{ topic: TOPICS.status, partition, offset: resumeOffset(progress) }])
    await this.#step('committed')
  }

  async #closeCommits(): Promise<void> {
    await Promise.all([...this.#owned.values()].map(({ commit }) => commit.close()))
  }

  /** Of a batch whose epoch is over nothing is left to do; that a write of it came too late is worth a line. */
  #refused(error: unknown, { partition, epoch }: Owned): void {
    if (!hasCode(error, 'store_precondition_failed')) return
    this.#metrics.failures.inc({ code: 'log_stale_epoch' })
    const message = 'partition was claimed by another sink, the write of this one was refused'
    this.#platform.logger.warn({ code: 'log_stale_epoch', partition, epoch }, message)
  }

  /** What the log is told of a failed batch: try again, unless no retry can mend it. */
  #judge(error: unknown, owned: Omit<Owned, 'commit'>): unknown {
    owned.failures += 1
    this.#lastError = error instanceof Error ? error.message : String(error)
    const code = error instanceof VelocastError ? error.code : 'internal'
    this.#metrics.failures.inc({ code })
    return judgeFailure(error, { ...owned, what: 'partition was' })
  }

  /** One compaction at a time; event time as the ledgers have it decides what is due. */
  #compact(options: { dueMs: number; waitMs: number; signal?: AbortSignal }): Promise<void> {
    const run = this.#compaction.then(async () => {
      const errors: unknown[] = []
      for (const { file } of [...this.#owned.values()]) {
        for (const [system, { watermark }] of Object.entries(file.ledger.systems)) {
          if (watermark === null || options.signal?.aborted) continue
          const { platform, seen } = { platform: this.#platform, seen: this.#seen }
          const onOutcome = this.#report(system)
          const fault = (step: string): Promise<void> => this.#step(`compaction_${step}`)
          await compactDue({ ...options, platform, system, watermark, seen, onOutcome, fault }).catch(
            (error) => errors.push(error),
          )
        }
      }
      if (errors.length > 0) throw errors[0]
    })
    this.#compaction = run.catch(() => undefined)
    return run
  }

  #report(system: string): NonNullable<Parameters<typeof compactDue>[0]['onOutcome']> {
    return ({ job, outcome, unreadable, error }) => {
      this.#metrics.compactions.inc({ system, job, outcome })
      if (unreadable !== undefined) this.#metrics.unreadableParts.set({ system }, unreadable)
      const facts = { system, job, outcome, unreadable, err: error }
      if (outcome === 'failed') this.#platform.logger.error(facts, 'job failed')
      else if (outcome !== 'unchanged') this.#platform.logger.info(facts, 'job done')
    }
  }

  #failed(error: unknown): void {
    this.#failure = error
    this.#lastError = error instanceof Error ? error.message : String(error)
    this.#onFailure(error)
  }

  async #step(step: SinkStep): Promise<void> {
    await this.#options.fault?.(step)
  }
}
