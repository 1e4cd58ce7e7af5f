import { pino } from 'pino'
import { systemClock } from '../../services/platform/clock.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { openKafkaLog } from '../../services/platform/event-log/kafka.ts'
import type { EventLog, LogRecord, Position } from '../../services/platform/event-log/port.ts'
import { openConfluentRegistry } from '../../services/platform/schema-registry/confluent.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { evolvedCodec } from './evolved-codec.ts'
import { until } from './until.ts'

/** Writes what others wrote again, under schemas that the readers have not met. */
export interface NewerWriter {
  /**
   * Publishes the newest whole poll of the status topic once more, with observations and poll record in a schema of its
   * own; gives the position after it. A repeated poll changes nothing of what readers make.
   */
  republish(): Promise<Position>
  close(): Promise<void>
}

export async function openNewerWriter({
  log,
  registryUrl,
}: {
  log: EventLog
  registryUrl: string
}): Promise<NewerWriter> {
  const ours = createCodec({ registry: openConfluentRegistry({ url: registryUrl }) })
  await ours.register()
  const begun = new Map<number, LogRecord[]>()
  let whole: LogRecord[] = []
  const subscription = await log.subscribe({
    group: 'integrity-newer-writer',
    transient: true,
    topics: [TOPICS.status],
    async batch({ partition, records }) {
      for (const record of records) {
        const poll = begun.get(partition) ?? []
        begun.set(partition, poll)
        poll.push(record)
        if (record.key?.includes('/') === true) continue
        begun.delete(partition)
        if (poll.length > 1) whole = poll
      }
    },
  })
  let version = 0
  return {
    async republish() {
      await until('a whole poll is there', () => whole.length > 0)
      version += 1
      const newer = evolvedCodec({ registryUrl, version })
      await newer.register()
      const poll = whole
      const decoded = await ours.decode(
        TOPICS.status,
        poll.map(({ value }) => value),
      )
      const positions = await log.publish(
        TOPICS.status,
        decoded.map((record, place) => {
          if (record instanceof Error) throw record
          const { key, headers } = poll[place]!
          const value = newer.encode(TOPICS.status, record.name, record.value as never)
          return { partitionKey: record.value.system, key: key!, headers, value }
        }),
      )
      const last = positions.at(-1)!
      return { ...last, offset: last.offset + 1 }
    },
    close: () => subscription.close(),
  }
}

/** A way to Kafka of the test's own, whatever befalls that of the services. */
export function openTestLog(brokers: string[]): EventLog {
  return openKafkaLog({
    brokers,
    clientId: 'velocast-integrity',
    sessionTimeoutMs: 30_000,
    replication: 1,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
  })
}
