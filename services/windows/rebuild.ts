import { HOUR_MS } from '../domain/bin.ts'
import { partitionOf } from '../platform/event-log/partitioner.ts'
import type { Assignment, Position } from '../platform/event-log/port.ts'
import type { Platform } from '../platform/service.ts'
import { GROUPS, TOPICS } from '../platform/topics.ts'

/** A ring reaches back 6 h 5 min; the rest is room for records that were appended late. */
const REBUILD_MS = 7 * HOUR_MS

/**
 * Positions to begin at instead of the committed ones: where a configured system of a partition has no windows in the
 * store (emptied, expired, or memory after a restart), the log is read again from 7 hours of append time back. The log
 * and not bronze: it has the open bin and what the sink has not written yet, and no other service has to be up.
 * A store that cannot be asked is taken as emptied: reading again is never wrong.
 */
export async function rebuildPositions({
  platform,
  assignment,
}: {
  platform: Pick<Platform, 'config' | 'clock' | 'log' | 'windows'>
  assignment: Assignment
}): Promise<Position[]> {
  const { config, clock, log, windows } = platform
  const started = assignment.partitions.filter(({ committed }) => committed !== null && committed > 0)
  if (started.length === 0) return []
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
  if (emptied.size === 0) return []
  const earlier = await log.offsetsAt(TOPICS.status, clock.now() - REBUILD_MS)
  return started.flatMap(({ topic, partition, committed }) => {
    const start = earlier.find((position) => position.partition === partition)
    if (!emptied.has(partition) || start === undefined || start.offset >= committed!) return []
    return [{ topic, partition, offset: start.offset }]
  })
}
