import { aborted } from '../platform/aborted.ts'
import { ConsumerProgress, closeWithin } from '../platform/consumer-progress.ts'
import { hasCode } from '../platform/errors.ts'
import { consume } from '../platform/event-log/consume.ts'
import type { Subscription, TopicPartition } from '../platform/event-log/port.ts'
import { installPersistencePack } from '../platform/onnx/install.ts'
import { openModelRegistry } from '../platform/onnx/model-registry.ts'
import { retried } from '../platform/retried.ts'
import type { HealthCheck, Platform, Service } from '../platform/service.ts'
import { GROUPS, TOPICS } from '../platform/topics.ts'
import { createForecastMetrics } from './metrics.ts'
import { type ForecastStep, PartitionForecasts } from './partition-forecasts.ts'
import { ServingFiles } from './serving-files.ts'

/** Updates of a batch: with 1,500 stations, 4 MB and some 32 × 10 ms of work. */
const UPDATES_A_BATCH = 32

/**
 * Serving files of 1,500 stations are a megabyte: a replay that gives ten updates a second need not write each. Less
 * than the bins by which a replay may be ahead of the forecasts' commit.
 */
const SERVE_INTERVAL_MS = 100

export interface ForecastOptions {
  /** Least time between two writes of a serving file and the commit after it, ms. Default 100. */
  serveIntervalMs?: number
  /** Called between every two steps of the commit protocol; what it throws ends the batch there. */
  fault?: (step: ForecastStep) => Promise<void> | void
}

/**
 * Forecasts from window updates. Commit protocol of one batch of updates of one partition:
 *
 * 1. Each update, in order: the models in force at its bin T; features from slot T (its own) and, where asked for, from
 *    T−1…T−48 (the window store's); one ONNX batch a horizon. An overrun window is refused, counted and passed. `computed`
 * 2. Its forecasts are published in one call. Withheld updates have none. `published`
 * 3. After the last update: for each system, look-ups of its newest one; an older never replaces a newer. `looked_up`
 * 4. `serving/forecast/h{H}/latest.json` of each horizon, by generation, under the same rule. `served`
 * 5. The position after the batch is committed. `committed`
 * Steps 4 and 5 are taken once an interval (`serveIntervalMs`) for all that was handled by then: the newest update of
 * each system is served. A live feed has one a minute, so that nothing waits.
 *
 * A stop after 1, 2, 3 or 4 gives the batch again: forecasts are then published a second time, with the same content
 * (readers know them by system, station and poll), look-ups and files end the same.
 * At start a model is installed where a horizon has none: persistence, a pack like any other.
 *
 * Memory: one batch of updates, the features of one update and the sessions of four model versions.
 */
export function createForecastService(platform: Platform, options: ForecastOptions = {}): Service {
  const { config, clock, logger, objects } = platform
  const metrics = createForecastMetrics(platform.metrics)
  const progress = new ConsumerProgress(platform.log)
  const failures: ((error: unknown) => void)[] = []
  const partitions = new Map<number, PartitionForecasts>()
  const serving = new ServingFiles(objects)
  const models = openModelRegistry({
    objects,
    horizons: config.horizons,
    clock,
    logger,
    metrics: platform.metrics,
    checkSeconds: config.forecast.model_check_seconds,
  })
  let subscribing: Promise<Subscription> | undefined
  let trouble: string | null = 'not started'
  let failure: { error: unknown } | null = null

  const openPartition = (epoch: number, at: TopicPartition): PartitionForecasts =>
    new PartitionForecasts({
      platform,
      metrics,
      models,
      serving,
      serveIntervalMs: options.serveIntervalMs ?? SERVE_INTERVAL_MS,
      commit: async (offset) => (await subscribing!).commit(epoch, [{ ...at, offset }]),
      fault: async (step) => options.fault?.(step),
    })

  const closePartitions = async (): Promise<void> => {
    await Promise.all([...partitions.values()].map((partition) => partition.close()))
    partitions.clear()
  }
  const commitAll = async (): Promise<void> => {
    for (const partition of partitions.values()) await partition.drain()
  }

  const subscribe = (): Promise<Subscription> =>
    consume({
      platform,
      service: 'forecast',
      group: GROUPS.forecast,
      topics: [TOPICS.windowUpdates],
      maxBatchRecords: UPDATES_A_BATCH,
      async assigned(assignment) {
        await closePartitions()
        metrics.newest.reset()
        progress.assigned(assignment)
        for (const at of assignment.partitions) {
          partitions.set(at.partition, openPartition(assignment.epoch, at))
        }
        return undefined
      },
      async batch(batch) {
        try {
          await partitions.get(batch.partition)?.handle(batch)
          if (!batch.signal.aborted) progress.handled(batch, batch.nextOffset)
          trouble = null
        } catch (error) {
          trouble = text(error)
          throw error
        }
      },
      failed: (error) => {
        failure = { error }
        for (const callback of failures) callback(error)
      },
    })

  return {
    name: 'forecast',
    async start() {
      try {
        await installPersistencePack({ objects, horizons: config.horizons })
      } catch (error) {
        // A list that is refused stays for its owner to mend; without any model the updates wait.
        if (!hasCode(error, 'model_pack_invalid')) throw error
        logger.error({ err: error }, 'forecast: persistence pack not installed')
      }
      subscribing = subscribe()
      await subscribing
      trouble = null
    },
    async caughtUp() {
      if (subscribing === undefined || failure !== null) return false
      return progress.caughtUp(await subscribing)
    },
    // Forecasts wait for no bin's end.
    finish: () => retried(commitAll, clock),
    async drain(signal) {
      const committed = commitAll().catch((error: unknown) => {
        logger.warn({ err: error }, 'forecast: what was not committed is forecast again by the next owner')
      })
      await Promise.race([committed, aborted(signal)])
      await closeWithin(subscribing, signal)
    },
    async close() {
      await closePartitions()
      await subscribing?.then(
        (subscription) => subscription.close(),
        () => {},
      )
      await models.close()
    },
    health(): HealthCheck[] {
      return [
        {
          name: 'forecast subscription',
          ok: failure === null,
          detail: failure === null ? 'reading' : text(failure.error),
        },
        { name: 'forecast', ok: trouble === null, detail: trouble ?? 'every update so far is forecast' },
      ]
    },
    onFailure(callback) {
      failures.push(callback)
      if (failure !== null) callback(failure.error)
    },
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
