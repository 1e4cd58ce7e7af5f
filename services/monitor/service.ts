import { isRetryable } from '../platform/errors.ts'
import { consume, type DecodedBatch } from '../platform/event-log/consume.ts'
import type { Assignment, Position, Subscription } from '../platform/event-log/port.ts'
import type { HealthCheck, Platform, Service } from '../platform/service.ts'
import { GROUPS, TOPICS } from '../platform/topics.ts'
import { monitorMetrics } from './metrics.ts'
import { PartitionMonitor } from './partition-monitor.ts'
import { Publication } from './publication.ts'
import type { Published } from './publish.ts'

export interface MonitorOptions {
  /** Called between every two steps of the commit protocol, with the step that was done. */
  fault?: (step: string) => Promise<void> | void
  /** How long `finish` waits for the sink to make late rows durable, ms. Default 30,000. */
  sinkWaitMs?: number
  /** Most records of a batch; the event log's default without it. */
  maxBatchRecords?: number
  /**
   * Least time between two publications of a partition's artefacts, ms; at least nine times as long as the last one
   * took. Default 1,000: what is due meanwhile is published once, at its newest.
   */
  artefactIntervalMs?: number
}

const SINK_WAIT_MS = 30_000
const SINK_CHECK_MS = 250
const ARTEFACT_INTERVAL_MS = 1_000
/** The sink writes its ledgers about once a second in a replay; live, a bin closes every five minutes. */
const SCORING_INTERVAL_MS = 5_000
/** Artefacts take a tenth of the time at most: a window of 7 days of 1,500 stations takes a second to assess. */
const ARTEFACT_REST = 9

/**
 * Streams data health, freshness and drift. Reads the status topic; keeps hour aggregates, artefacts and metrics.
 *
 * Commit protocol, a partition and epoch at a time:
 *  1. Assigned: all state is dropped. The partition's ledger, the list of its systems' hour objects and their
 *     generations are read; reading begins at the ledger's `next_offset`, not at the group's commit.
 *  2. Polls go into open bins; bins that the watermark has passed go into their hour. Rows of closed bins mark the
 *     hour dirty, unless the ledger says that they were handled.
 *  3. When an hour ends: every changed hour object is written over the generation that is known (`hours`).
 *  4. The ledger is written over its known generation: offsets, watermark, closed bins and dirty hours (`ledger`).
 *     Stopped between 3 and 4, the same records give the same hours again, over the newer generation.
 *  5. Dirty hours that are over, and that the sink's ledger says are in Parquet, are recomputed from Parquet and
 *     replaced (`recomputed`), then the ledger forgets them (`replaced`). Stopped in between, they are recomputed again.
 *  6. Artefacts of the window are written and announced (`artefacts`), then freshness (`freshness`): at once, or, when
 *     the last publication was less than `artefactIntervalMs` ago, once that has passed. What was due when the owner
 *     died is due when the next one has loaded the ledger.
 *  7. Served forecasts are scored as far as the sink's ledgers say that they and what came true are in Parquet (`scored`),
 *     by whole hours of the target, each written over its known generation. At most every five seconds.
 *  8. The group's position is committed. It tells others how far the monitor is, and is never where reading begins:
 *     what is in memory alone is read again from the ledger's `next_offset`.
 * A write that finds another generation is a zombie's: `log_stale_epoch`, and nothing goes on before a new epoch.
 *
 * Memory: see SystemMonitor and HourArchive; a batch of 5,000 records besides.
 */
export function createMonitorService(platform: Platform, options: MonitorOptions = {}): Service {
  const metrics = monitorMetrics(platform.metrics)
  const published: Published = new Map()
  let partitions = new Map<number, PartitionMonitor>()
  let epoch = -1
  let subscription: Subscription | null = null
  let failure: unknown = null
  let onFailure: (error: unknown) => void = () => {}
  let running: Promise<unknown> = Promise.resolve()
  const closing = new AbortController()
  const pace = (intervalMs: number, work: (monitor: PartitionMonitor) => Promise<unknown>): Publication => {
    const paced = new Publication({
      clock: platform.clock,
      intervalMs,
      rest: ARTEFACT_REST,
      signal: closing.signal,
      work,
      later: (monitor) =>
        void exclusive(async () => {
          if (partitions.get(monitor.partition) === monitor) await paced.publish(monitor)
        }).catch((error: unknown) => {
          platform.logger.warn(
            { err: error, partition: monitor.partition },
            'artefacts could not be published',
          )
          if (isRetryable(error)) paced.postpone(monitor)
          else fail(error)
        }),
    })
    return paced
  }
  const artefactIntervalMs = options.artefactIntervalMs ?? ARTEFACT_INTERVAL_MS
  const publication = pace(artefactIntervalMs, (monitor) => monitor.publish())
  const scoring = pace(options.artefactIntervalMs ?? SCORING_INTERVAL_MS, (monitor) => monitor.score())

  const step = async (name: string): Promise<void> => options.fault?.(name)

  /** One batch, `finish` or `drain` at a time. */
  function exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = running.then(work, work)
    running = result.catch(() => {})
    return result
  }

  async function assigned(assignment: Assignment): Promise<Position[]> {
    return exclusive(async () => {
      epoch = assignment.epoch
      const before = systemsOf(partitions)
      partitions = new Map()
      const positions: Position[] = []
      const loaded = new Map<number, PartitionMonitor>()
      for (const { partition } of assignment.partitions) {
        const monitor = new PartitionMonitor({ platform, partition, epoch, metrics, published, step })
        await monitor.load()
        loaded.set(partition, monitor)
        if (monitor.startOffset !== null) {
          positions.push({ topic: TOPICS.status, partition, offset: monitor.startOffset })
        }
      }
      partitions = loaded
      publication.forget()
      scoring.forget()
      const kept = systemsOf(loaded)
      for (const system of before) if (!kept.has(system)) forget(system)
      return positions
    })
  }

  /** Another member owns the system now: it shows and announces what there is. */
  function forget(system: string): void {
    metrics.forget(system)
    for (const path of published.keys()) if (path.startsWith(`${system}/`)) published.delete(path)
  }

  async function handle(batch: DecodedBatch): Promise<void> {
    const monitor = partitions.get(batch.partition)
    if (monitor === undefined || monitor.epoch !== batch.epoch || batch.signal.aborted) return
    await monitor.take(batch.records)
    monitor.applied = Math.max(monitor.applied, batch.nextOffset)
    await step('taken')
    if (batch.signal.aborted) return
    if (monitor.isDue()) await monitor.persist()
    if (batch.signal.aborted) return
    await monitor.recompute()
    await publication.publish(monitor)
    if (batch.signal.aborted) return
    await scoring.publish(monitor)
    if (batch.signal.aborted) return
    await commit(monitor)
  }

  function fail(error: unknown): void {
    failure = error
    onFailure(error)
  }

  async function commit(monitor: PartitionMonitor): Promise<void> {
    const position = { topic: TOPICS.status, partition: monitor.partition, offset: monitor.applied }
    await subscription?.commit(monitor.epoch, [position])
    await step('committed')
  }

  async function finishPartition(monitor: PartitionMonitor): Promise<void> {
    await monitor.closeAll()
    await monitor.persist()
    const until = platform.clock.now() + (options.sinkWaitMs ?? SINK_WAIT_MS)
    while (!(await monitor.recompute({ unfinished: true }))) {
      if (platform.clock.now() >= until) {
        const systems = [...monitor.systems.values()].filter(({ dirty }) => dirty.size > 0)
        platform.logger.warn(
          { partition: monitor.partition, hours: systems.map(({ system, dirty }) => [system, dirty.size]) },
          'late rows are not in parquet yet, their hours stay marked and are recomputed at the next start',
        )
        break
      }
      await platform.clock.sleep(SINK_CHECK_MS)
    }
    await monitor.publish({ unfinished: true })
    while (!(await monitor.score()) && platform.clock.now() < until) await platform.clock.sleep(SINK_CHECK_MS)
    await commit(monitor)
  }

  return {
    name: 'monitor',
    async start() {
      subscription = await consume({
        platform,
        service: 'monitor',
        group: GROUPS.monitor,
        topics: [TOPICS.status],
        ...(options.maxBatchRecords === undefined ? {} : { maxBatchRecords: options.maxBatchRecords }),
        assigned,
        batch: (batch) => exclusive(() => handle(batch)),
        failed: fail,
      })
    },
    async caughtUp() {
      if (subscription === null || epoch < 0) return false
      return (await subscription.positions()).every(({ offset, end }) => offset >= end)
    },
    finish: () =>
      exclusive(async () => {
        for (const monitor of partitions.values())
          if (monitor.systems.size > 0) await finishPartition(monitor)
      }),
    async drain(signal) {
      await exclusive(async () => {
        for (const monitor of partitions.values()) {
          if (signal.aborted || monitor.systems.size === 0) continue
          await monitor.persist()
          await monitor.publish()
        }
      })
      closing.abort()
      await subscription?.close()
      subscription = null
    },
    async close() {
      closing.abort()
      await subscription?.close()
      subscription = null
    },
    health(): HealthCheck[] {
      const dirty = [...partitions.values()].flatMap(({ systems }) =>
        [...systems.values()].map((monitor) => monitor.dirty.size),
      )
      const waiting = dirty.reduce((sum, hours) => sum + hours, 0)
      return [
        {
          name: 'monitor',
          ok: subscription !== null && failure === null,
          detail:
            failure === null
              ? `${partitions.size} partitions in epoch ${epoch}, ${waiting} hours wait for parquet`
              : String(failure),
        },
      ]
    },
    onFailure(callback) {
      onFailure = callback
      if (failure !== null) callback(failure)
    },
  }
}

function systemsOf(partitions: ReadonlyMap<number, PartitionMonitor>): Set<string> {
  return new Set([...partitions.values()].flatMap(({ systems }) => [...systems.keys()]))
}
