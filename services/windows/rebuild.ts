import { HOUR_MS } from '../domain/bin.ts'
import { partitionOf } from '../platform/event-log/partitioner.ts'
import type { Assignment, Position } from '../platform/event-log/port.ts'
import type { Platform } from '../platform/service.ts'
import { GROUPS, TOPICS } from '../platform/topics.ts'

/** A ring reaches back 6 h 5 min; the rest is room for records that were appended late. */
const REBUILD_MS = 7 * HOUR_MS

export interface Rebuild {
  /** Where to begin instead of at the committed position. */
  starts: Position[]
  /** Partitions of which the log does not reach as far back as a ring: what is missing may be in Parquet. */
  short: Set<number>
}

/**
 * What it takes to have windows again where the store has none. `starts` are positions to begin at instead of the committed ones: where a configured system of a partition has no windows in the
 * store (emptied, expired, or memory after a restart), the log is read again from 7 hours of append time back. The log
 * first: it has the open bin and what the sink has not written yet, and no other service has to be up. Only where
 * it holds no record of before those 7 hours (a shorter retention, a recreated topic, a new group) Parquet is asked too.
 * A store that cannot be asked is taken as emptied: reading again is never wrong.
 */
export async function planRebuild({
  platform,
  assignment,
}: {
  platform: Pick<Platform, 'config' | 'clock' | 'log' | 'windows'>
  assignment: Assignment
}): Promise<Rebuild> {
  const { config, clock, log, windows } = platform
  const [oldest, earlier] = await Promise.all([
    log.offsetsAt(TOPICS.status, 0),
    log.offsetsAt(TOPICS.status, clock.now() - REBUILD_MS),
  ])
  const reaching = new Map(oldest.map(({ partition, offset }) => [partition, offset]))
  const short = new Set(
    earlier
      .filter(({ partition, offset }) => reaching.get(partition) === offset)
      .map(({ partition }) => partition),
  )
  const started = assignment.partitions.filter(({ committed }) => committed !== null && committed > 0)
  if (started.length === 0) return { starts: [], short }
  const partitions = (await log.lag(GROUPS.windows, [TOPICS.status])).length
  const emptied = new Set<number>()
  let answers = true
  for (const { id } of config.systems) {
    const partition = partitionOf(id, partitions)
    if (emptied.has(partition) || !started.some((owned) => owned.partition === partition)) continue
    // A store that does not answer for one system is not waited for again for each of the others.
    const known: ReadonlyMap<string, Buffer> | null = answers
      ? await windows.load(id).catch(() => null)
      : null
    answers &&= known !== null
    if (known === null || known.size === 0) emptied.add(partition)
  }
  const starts = started.flatMap(({ topic, partition, committed }) => {
    const start = earlier.find((position) => position.partition === partition)
    if (!emptied.has(partition) || start === undefined || start.offset >= committed!) return []
    return [{ topic, partition, offset: start.offset }]
  })
  return { starts, short }
}
