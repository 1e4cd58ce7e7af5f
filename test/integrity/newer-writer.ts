import { pino } from 'pino'
import { systemClock } from '../../services/platform/clock.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { readAvroSchema } from '../../services/platform/event-log/avro-schemas.ts'
import type { RecordName } from '../../services/platform/event-log/codec.ts'
import { openKafkaLog } from '../../services/platform/event-log/kafka.ts'
import type { EventLog, LogRecord, Position } from '../../services/platform/event-log/port.ts'
import { openConfluentRegistry } from '../../services/platform/schema-registry/confluent.ts'
import type { AvroSchema } from '../../services/platform/schema-registry/port.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { until } from './until.ts'

/** Our schema with one more field that has a default, in another version for each `version`. */
export function evolvedSchema(name: RecordName, version: number): AvroSchema {
  const schema = readAvroSchema(name) as AvroSchema & { fields: object[] }
  const added = { name: `added_in_${version}`, type: ['null', 'string'], default: null }
  return { ...schema, fields: [...schema.fields, added] } as AvroSchema
}

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
  const registry = openConfluentRegistry({ url: registryUrl })
  const codecOf = (schemaOf?: (name: RecordName) => AvroSchema) =>
    createCodec({
      registry,
      topics: { [TOPICS.status]: ['StationObservation', 'PollRecord'] },
      ...(schemaOf === undefined ? {} : { schemaOf }),
    })
  const ours = codecOf()
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
      const newer = codecOf((name) => evolvedSchema(name, version))
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
