import { VelocastError } from '../../platform/errors.ts'
import { consume, type DecodedBatch } from '../../platform/event-log/consume.ts'
import type { Assignment, Position, Subscription } from '../../platform/event-log/port.ts'
import { forecastPartPath } from '../../platform/object-store/layout.ts'
import type { ObjectStore } from '../../platform/object-store/port.ts'
import { PacedCommit } from '../../platform/paced-commit.ts'
import { encodePart } from '../../platform/parquet/part-encoder.ts'
import { retried } from '../../platform/retried.ts'
import type { Platform } from '../../platform/service.ts'
import { GROUPS, TOPICS } from '../../platform/topics.ts'
import type { SinkMetrics } from '../metrics.ts'
import type { OwnedLedger } from '../owned-ledger.ts'
import { isOfAnotherLog, judgeFailure, putPart, writeAll } from '../ownership.ts'
import type { ForecastPart } from './bins-of-record.ts'
import { claimForecastLedger, type ForecastLedger } from './ledger.ts'
import { ForecastPartition } from './partition.ts'

/** Steps of the commit protocol, in order. */
export type RecorderStep =
  | 'forecasts_claimed'
  | 'forecasts_taken'
  | 'forecast_part_written'
  | 'forecast_ledger_written'
  | 'forecasts_committed'

export interface RecorderOptions {
  platform: Pick<Platform, 'log' | 'codec' | 'logger' | 'metrics' | 'objects' | 'clock'>
  metrics: Pick<SinkMetrics, 'parts' | 'rows' | 'failures' | 'repeatedForecasts'>
  ledgerIntervalMs: number
  fault: (step: RecorderStep) => Promise<void>
  failed: (error: unknown) => void
}

interface Owned {
  epoch: number
  partition: number
  state: ForecastPartition
  file: OwnedLedger<ForecastLedger>
  /** Steps 4 and 5, paced. */
  commit: PacedCommit
  failures: number
}

/**
 * Keeps the forecasts of record: reads the forecasts topic in a group of its own and writes each bin's, those of its
 * last poll, as a Parquet part.
 *
 * Commit protocol, for each partition and epoch:
 * 1. `forecasts_claimed`: all state is dropped; the ledger `ledger/forecasts/p<partition>.json` is read and written with
 *    its epoch raised. Reading begins at its `next_offset`.
 * 2. `forecasts_taken`: a batch's forecasts go into memory. The first forecast of a later bin seals a bin.
 * 3. `forecast_part_written`: each sealed part is created if absent, under a name that follows from its rows.
 * 4. `forecast_ledger_written`: over the generation of this owner. A refusal means another owner: the epoch ends.
 * 5. `forecasts_committed`: the group's offset moves to `next_offset`, the first record of the oldest open bin's last poll.
 * Steps 4 and 5 are taken once an interval (`ledgerIntervalMs`), the last by themselves.
 * A stop anywhere reads again from there, and the same forecasts make the same names.
 *
 * Memory, a system: the forecasts of one poll, and the sealed parts of one batch.
 */
export class ForecastRecorder {
  readonly #options: RecorderOptions
  readonly #owned = new Map<number, Owned>()
  #subscription = Promise.withResolvers<Subscription>()
  #started = false
  #assignedOnce = false
  #running = 0
  #draining = false

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#subscription.promise.catch(() => undefined)
  }

  async start(): Promise<void> {
    try {
      this.#subscription.resolve(
        await consume({
          platform: this.#options.platform,
          service: 'sink',
          group: GROUPS.sinkForecasts,
          topics: [TOPICS.forecasts],
          from: 'earliest',
          assigned: (assignment) => this.#assigned(assignment),
          batch: (batch) => this.#batch(batch),
          failed: this.#options.failed,
        }),
      )
      this.#started = true
    } catch (error) {
      this.#subscription.reject(error)
      throw error
    }
  }

  async caughtUp(): Promise<boolean> {
    const subscription = await this.#subscription.promise
    const positions = await subscription.positions()
    return this.#assignedOnce && this.#running === 0 && positions.every(({ offset, end }) => offset >= end)
  }

  async finish(): Promise<void> {
    for (const owned of this.#owned.values()) {
      owned.state.sealAll()
      await retried(async () => {
        await this.#writeParts(owned, null)
        await owned.commit.now()
      }, this.#options.platform.clock)
    }
  }

  async drain(signal: AbortSignal): Promise<void> {
    this.#draining = true
    for (const owned of this.#owned.values()) {
      await this.#writeParts(owned, signal)
        .then(() => owned.commit.drain())
        .catch((error) => {
          this.#options.platform.logger.warn({ err: error }, 'forecasts are read again by the next owner')
        })
    }
  }

  async close(): Promise<void> {
    await this.#closeCommits()
    if (this.#started) await (await this.#subscription.promise).close()
  }

  /** Partitions whose last batch failed. */
  get failing(): number {
    return [...this.#owned.values()].filter(({ failures }) => failures > 0).length
  }

  async #assigned({ epoch, partitions }: Assignment): Promise<Position[]> {
    await this.#closeCommits()
    this.#owned.clear()
    this.#assignedOnce = false
    const { log, objects, clock } = this.#options.platform
    const lags = await log.lag(GROUPS.sinkForecasts, [TOPICS.forecasts])
    const ends = new Map(lags.map(({ partition, end }) => [partition, end]))
    const positions: Position[] = []
    for (const { topic, partition, committed } of partitions) {
      const file = await claimForecastLedger(objects, partition)
      const { ledger } = file
      const fresh = isOfAnotherLog(ledger, { committed, end: ends.get(partition) })
      const state = new ForecastPartition({ ledger, fresh })
      const owned: Omit<Owned, 'commit'> = { epoch, partition, state, file, failures: 0 }
      const commit = new PacedCommit({
        clock,
        intervalMs: this.#options.ledgerIntervalMs,
        commit: () => this.#commit(owned),
        failed: (error) => void this.#judge(error, owned),
      })
      this.#owned.set(partition, Object.assign(owned, { commit }))
      if (ledger.position > 0) positions.push({ topic, partition, offset: fresh ? 0 : ledger.next_offset })
    }
    await this.#options.fault('forecasts_claimed')
    this.#assignedOnce = true
    return positions
  }

  async #batch(batch: DecodedBatch): Promise<void> {
    const owned = this.#owned.get(batch.partition)
    if (owned === undefined || owned.epoch !== batch.epoch || this.#draining) return
    const { metrics, fault } = this.#options
    this.#running += 1
    try {
      for (const [system, rows] of owned.state.take(batch.records, batch.nextOffset))
        metrics.repeatedForecasts.inc({ system }, rows)
      await fault('forecasts_taken')
      await this.#writeParts(owned, batch.signal)
      if (batch.signal.aborted) return
      await owned.commit.due()
      owned.failures = 0
    } catch (error) {
      if (batch.signal.aborted) return
      throw this.#judge(error, owned)
    } finally {
      this.#running -= 1
    }
  }

  /** Step 3; less of it when the signal aborts. */
  async #writeParts(owned: Owned, signal: AbortSignal | null): Promise<void> {
    await writeAll(owned.state.due, async (part) => {
      if (!signal?.aborted) await this.#write(part, owned)
    })
  }

  /** Steps 4 and 5. What is sealed and not yet durable is committed with the batch that sealed it. */
  async #commit({ state, partition, file, epoch }: Omit<Owned, 'commit'>): Promise<void> {
    if (state.due.length > 0) return
    const progress = state.progress()
    const { position, next_offset } = file.ledger
    if (progress.position === position && progress.next_offset === next_offset) return
    await file.write(progress)
    const { fault } = this.#options
    await fault('forecast_ledger_written')
    const subscription = await this.#subscription.promise
    await subscription.commit(epoch, [{ topic: TOPICS.forecasts, partition, offset: progress.next_offset }])
    await fault('forecasts_committed')
  }

  async #closeCommits(): Promise<void> {
    await Promise.all([...this.#owned.values()].map(({ commit }) => commit.close()))
  }

  async #write(part: ForecastPart, { state, partition }: Owned): Promise<void> {
    const { platform, metrics, fault } = this.#options
    await writeForecastPart({ objects: platform.objects, part, partition })
    state.written(part)
    metrics.parts.inc({ system: part.system, kind: 'forecasts' })
    metrics.rows.inc({ system: part.system, kind: 'forecasts' }, part.rows.length)
    await fault('forecast_part_written')
  }

  #judge(error: unknown, owned: Omit<Owned, 'commit'>): unknown {
    owned.failures += 1
    this.#options.metrics.failures.inc({ code: error instanceof VelocastError ? error.code : 'internal' })
    return judgeFailure(error, { ...owned, what: "partition's forecasts were" })
  }
}

/** Makes a part durable; one that is there already is left as it is. */
async function writeForecastPart({
  objects,
  part: { system, bin, rows },
  partition,
}: {
  objects: ObjectStore
  part: ForecastPart
  partition: number
}): Promise<void> {
  const { content, bytes } = await encodePart({ kind: 'forecasts', rows }, { partition })
  const path = forecastPartPath({ system, bin, content })
  await putPart(objects, path, bytes)
}
