import type { WindowUpdate } from '../domain/window.ts'
import { allTried } from '../platform/all-tried.ts'
import { hasCode } from '../platform/errors.ts'
import type { DecodedBatch } from '../platform/event-log/consume.ts'
import type { LookUp } from '../platform/look-up-store/port.ts'
import type { ModelRegistry } from '../platform/onnx/model-registry.ts'
import { PacedCommit } from '../platform/paced-commit.ts'
import type { Platform } from '../platform/service.ts'
import { TOPICS } from '../platform/topics.ts'
import { type ComputedUpdate, computeUpdate } from './compute.ts'
import type { ForecastMetrics } from './metrics.ts'
import { forecastRecords } from './records.ts'
import type { ServingFiles } from './serving-files.ts'

/** Steps of the commit protocol, as a fault hook sees them. */
export type ForecastStep = 'computed' | 'published' | 'looked_up' | 'served' | 'committed'

/** What look-ups still have to say of a system: its newest update, the newest row of each station. */
interface Due {
  newest: ComputedUpdate
  rows: Map<string, LookUp>
}

export interface PartitionForecastsOptions {
  platform: Pick<Platform, 'config' | 'windows' | 'lookUps' | 'log' | 'codec' | 'logger' | 'clock'>
  metrics: ForecastMetrics
  models: ModelRegistry
  serving: ServingFiles
  /** Least time between two writes of a serving file and the commit after it, ms. */
  serveIntervalMs: number
  commit(offset: number): Promise<void>
  fault(step: ForecastStep): Promise<void>
}

/**
 * The forecasts of one partition in one epoch; see `createForecastService` for the protocol. A batch that failed may be
 * given again: updates whose forecasts were published are not computed twice. Holds the due rows of the batch's systems
 * and the newest update of each system whose serving files wait.
 */
export class PartitionForecasts {
  readonly #options: PartitionForecastsOptions
  readonly #due = new Map<string, Due>()
  readonly #toServe = new Map<string, ComputedUpdate>()
  readonly #paced: PacedCommit
  #publishedThrough = 0
  /** Everything below it is published and looked up. */
  #handled = 0

  constructor(options: PartitionForecastsOptions) {
    this.#options = options
    const { clock, logger } = options.platform
    this.#paced = new PacedCommit({
      clock,
      intervalMs: options.serveIntervalMs,
      commit: () => this.#commit(),
      failed: (error) => logger.warn({ err: error }, 'forecast: serving files not written, tried again'),
    })
  }

  async handle(batch: DecodedBatch): Promise<void> {
    for (const { record, decoded } of batch.records) {
      if (batch.signal.aborted) return
      if (decoded.name !== 'WindowUpdate' || record.offset < this.#publishedThrough) continue
      await this.#publish(decoded.value, record.headers.traceparent ?? null)
      this.#publishedThrough = record.offset + 1
    }
    for (const [system, due] of this.#due) {
      if (batch.signal.aborted) return
      await this.#lookUp(due)
      await this.#options.fault('looked_up')
      this.#toServe.set(system, due.newest)
      this.#due.delete(system)
    }
    this.#handled = batch.nextOffset
    await this.#paced.due()
  }

  /** Serves and commits what is handled, and from here on with every batch. */
  drain(): Promise<void> {
    return this.#paced.drain()
  }

  /** The epoch is over: nothing is written or committed any more. */
  close(): Promise<void> {
    return this.#paced.close()
  }

  /** Steps 4 and 5 of all that was handled when it begins. */
  async #commit(): Promise<void> {
    const { fault, commit } = this.#options
    const handled = this.#handled
    for (const [system, newest] of this.#toServe) {
      await this.#serve(newest)
      await fault('served')
      if (this.#toServe.get(system) === newest) this.#toServe.delete(system)
    }
    await commit(handled)
    await fault('committed')
  }

  async #publish(update: WindowUpdate, parent: string | null): Promise<void> {
    const { platform, metrics, models, fault } = this.#options
    const end = metrics.tick.startTimer()
    await models.refresh(update.system)
    let computed: ComputedUpdate
    try {
      computed = await computeUpdate({
        update,
        packs: await models.packsInForce(update.system, update.tbin_utc),
        horizons: platform.config.horizons,
        windows: platform.windows,
        metrics,
        logger: platform.logger,
        stale_minutes: platform.config.forecast.stale_minutes,
        withhold_minutes: platform.config.forecast.withhold_minutes,
        sample_share: platform.config.forecast.sample_share,
      })
    } catch (error) {
      if (!hasCode(error, 'window_overrun')) throw error
      metrics.updates.inc({ result: 'refused' })
      metrics.without.inc({ reason: 'window_overrun' }, update.station_ids.length)
      platform.logger.warn({ err: error }, 'forecast: update refused')
      return
    }
    await fault('computed')
    const { forecasts, inputs } = computed
    if (forecasts.length > 0) {
      await platform.log.publish(
        TOPICS.forecasts,
        forecastRecords({ codec: platform.codec, forecasts, inputs, parent }),
      )
      metrics.forecasts.inc(forecasts.length)
    }
    metrics.newest.set({ system: update.system }, update.tbin_utc / 1000)
    this.#remember(computed)
    end()
    await fault('published')
  }

  #remember(computed: ComputedUpdate): void {
    const { system, tbin_utc, fetched_utc } = computed.update
    const due = this.#due.get(system)
    const before = due?.newest.update
    if (before !== undefined) {
      const older =
        tbin_utc !== before.tbin_utc ? tbin_utc < before.tbin_utc : fetched_utc < before.fetched_utc
      if (older) return
    }
    const rows = due?.rows ?? new Map<string, LookUp>()
    for (const row of computed.rows) rows.set(row.station_id, row)
    this.#due.set(system, { newest: computed, rows })
  }

  async #lookUp({ newest, rows }: Due): Promise<void> {
    const { platform, metrics } = this.#options
    const published = await platform.lookUps.publish({
      system: newest.system,
      rows: [...rows.values()],
      ttlSeconds: platform.config.forecast.look_up_ttl_seconds,
    })
    if (!published) metrics.skipped.inc({ effect: 'look_ups' })
  }

  /** A horizon without any model keeps the file it has: an empty one would say that there are no stations. */
  async #serve(computed: ComputedUpdate): Promise<void> {
    const { platform, metrics, serving } = this.#options
    await allTried(
      platform.config.horizons.map(async (horizon) => {
        if (!computed.system.withheld && computed.system.model_versions[horizon] === undefined) return
        if (!(await serving.write(computed, horizon))) metrics.skipped.inc({ effect: 'serving' })
      }),
    )
  }
}
