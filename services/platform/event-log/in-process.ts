import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { Group } from './in-process/group.ts'
import { Member } from './in-process/member.ts'
import { Retention } from './in-process/retention.ts'
import { type Append, Storage, type StoredTopic } from './in-process/storage.ts'
import { topicMissing } from './missing-topic.ts'
import { partitionOf } from './partitioner.ts'
import type { EventLog } from './port.ts'
import { requireWithinLimit } from './record-size.ts'

/** How the stored names of transient readers begin. */
const TRANSIENT = 'transient/'

export interface InProcessLogOptions {
  /** SQLite file, made with its directory when absent; `:memory:` keeps nothing. */
  file: string
  clock: Clock
  /** Told of redeliveries. */
  logger?: Logger
}

/**
 * The event log of a single process: topics, records, offsets and epochs in one SQLite file, durable when `publish`
 * resolves; writes of one turn of the event loop share a sync of the disk. Consumers are woken by a publish, nothing
 * polls. Memory: one batch a member (16 MiB and one record), and the newest 64 MiB of records for readers that keep up.
 * Deleted records' space is used again; the file does not shrink.
 */
export function openInProcessLog({ file, clock, logger }: InProcessLogOptions): EventLog {
  const storage = new Storage(file)
  const groups = new Map<string, Group>()
  const members = new Set<Member>()
  const retention = new Retention(storage)
  let memberCount = 0
  let closing: Promise<void> | null = null

  // What a reader that was killed has left would keep records for ever.
  storage.deleteGroups(TRANSIENT)

  const topicOf = (name: string): StoredTopic => {
    const topic = storage.topics.get(name)
    if (topic === undefined) throw topicMissing(name)
    return topic
  }

  return {
    async ensureTopics(topics) {
      for (const spec of topics) {
        if (!storage.topics.has(spec.name)) storage.createTopic(spec)
      }
    },
    async publish(name, records) {
      const topic = topicOf(name)
      requireWithinLimit(name, records, topic.spec.maxBytes)
      const partitions = new Map<string, number>()
      const appends = records.map((record): Append => {
        let partition = partitions.get(record.partitionKey)
        if (partition === undefined) {
          partition = partitionOf(record.partitionKey, topic.partitions.length)
          partitions.set(record.partitionKey, partition)
        }
        return { partition, record }
      })
      const now = clock.now()
      const positions = await storage.append(topic, appends, now)
      for (const member of members) member.notify()
      retention.enforce(now)
      return positions
    },
    async subscribe(subscribe) {
      for (const name of subscribe.topics) topicOf(name)
      const id = `member-${String(++memberCount).padStart(6, '0')}`
      const transient = subscribe.transient === true
      const name = transient ? `${TRANSIENT}${subscribe.group}/${id}` : subscribe.group
      let group = groups.get(name)
      if (group === undefined) {
        group = new Group(name, storage)
        groups.set(name, group)
      }
      const member: Member = new Member({
        id,
        subscribe: { ...subscribe, group: name },
        storage,
        group,
        clock,
        logger,
        onEnd: () => {
          members.delete(member)
          if (!transient) return
          groups.delete(name)
          storage.deleteGroups(name)
        },
      })
      members.add(member)
      member.start()
      return member
    },
    async lag(group, topics) {
      return topics.flatMap((name) =>
        topicOf(name).partitions.map((state) => ({
          topic: name,
          partition: state.partition,
          committed: storage.committed(group, state),
          end: state.next,
        })),
      )
    },
    async offsetsAt(name, appended) {
      return topicOf(name).partitions.map((state) => ({
        topic: name,
        partition: state.partition,
        offset: storage.offsetAt(state, appended),
      }))
    },
    close() {
      closing ??= Promise.all([...members].map((member) => member.close())).then(() => storage.close())
      return closing
    },
  }
}
