import { ConsumerProgress, closeWithin } from '../platform/consumer-progress.ts'
import { consume } from '../platform/event-log/consume.ts'
import type { Subscription, TopicPartition } from '../platform/event-log/port.ts'
import type { HealthCheck, Platform, Service } from '../platform/service.ts'
import { GROUPS, TOPICS } from '../platform/topics.ts'
import { createWindowsMetrics } from './metrics.ts'
import { PartitionWindows, type WindowsStep } from './partition-windows.ts'
import { planRebuild } from './rebuild.ts'

export interface WindowsOptions {
  /** Called between every two steps of the commit protocol; what it throws ends the poll there. */
  fault?: (step: WindowsStep) => Promise<void> | void
}

/**
 * Keeps the rolling windows and says, poll by poll, what is in them. Commit protocol of one poll of one system:
 *
 * 1. Its records are assembled; it ends with its poll record, or is given up at a later poll's.
 * 2. Its observations are merged into memory (place-wise greatest: any order, any repetition, one result). `merged`
 * 3. The changed slots are written to the window store under the owner's epoch; stations that the store lacks, and those
 *    whose name or place changed, are written whole. Every station's time to live is refreshed. `written`
 * 4. The window update is published. `published`
 * 5. The position after it is committed, but none that passes a record of an unfinished poll. `committed`
 *
 * A stop after 2, 3 or 4 gives the poll again: the merge changes nothing, the update is the same bytes.
 * A new epoch drops memory, claims each system at its first poll and loads its windows. Where a system has none, the log
 * is read again from further back (`planRebuild`); polls that end below the committed position only fill windows. Where
 * the log does not reach back far enough, the first poll after that position brings in what Parquet has of the bins before it.
 * An update's bin T is the newest of the system, also for a poll that came late and for one that brought no rows: that
 * one repeats the newest slots with its own fetch time. Nothing is published before a system's first observation.
 *
 * Memory: about 3.7 kB a station of the owned partitions, and one batch.
 */
export function createWindowsService(platform: Platform, options: WindowsOptions = {}): Service {
  const metrics = createWindowsMetrics(platform.metrics)
  const progress = new ConsumerProgress(platform.log)
  const failures: ((error: unknown) => void)[] = []
  const partitions = new Map<number, PartitionWindows>()
  let subscribing: Promise<Subscription> | undefined
  let trouble: string | null = 'not started'
  let failure: { error: unknown } | null = null

  const subscribe = (): Promise<Subscription> =>
    consume({
      platform,
      service: 'windows',
      group: GROUPS.windows,
      topics: [TOPICS.status],
      async assigned(assignment) {
        partitions.clear()
        metrics.newest.reset()
        metrics.stations.reset()
        const { starts, short } = await planRebuild({ platform, assignment })
        for (const { partition, offset } of starts) {
          metrics.rebuilt.inc()
          platform.logger.info({ partition, offset }, 'windows: read again, the store has none of a system')
        }
        progress.assigned(assignment, starts)
        for (const { topic, partition, committed } of assignment.partitions) {
          const at = { topic, partition, committed: committed ?? 0, logIsShort: short.has(partition) }
          partitions.set(partition, openPartition(assignment.epoch, at))
        }
        return starts
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

  const openPartition = (
    epoch: number,
    { topic, partition, ...state }: TopicPartition & { committed: number; logIsShort: boolean },
  ): PartitionWindows =>
    new PartitionWindows({
      platform,
      metrics,
      ...state,
      commit: async (offset) => (await subscribing!).commit(epoch, [{ topic, partition, offset }]),
      fault: async (step) => options.fault?.(step),
    })

  return {
    name: 'windows',
    async start() {
      subscribing = subscribe()
      await subscribing
      trouble = null
    },
    async caughtUp() {
      if (subscribing === undefined || failure !== null) return false
      return progress.caughtUp(await subscribing)
    },
    async finish() {
      // Windows have nothing that a bin's end would close.
    },
    drain: (signal) => closeWithin(subscribing, signal),
    async close() {
      await subscribing?.then(
        (subscription) => subscription.close(),
        () => {},
      )
    },
    health(): HealthCheck[] {
      return [
        {
          name: 'windows subscription',
          ok: failure === null,
          detail: failure === null ? 'reading' : text(failure.error),
        },
        { name: 'windows', ok: trouble === null, detail: trouble ?? 'every poll so far is in the store' },
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
