import { Counter } from 'prom-client'
import { hasCode, type VelocastError } from '../errors.ts'
import type { Platform } from '../service.ts'
import { TOPICS } from '../topics.ts'
import type { LogRecord, OutgoingRecord } from './port.ts'

/** A record that a service refuses, and why. */
export interface DeadLetter {
  record: LogRecord
  error: VelocastError
}

export interface DeadLetters {
  /** Durable when it resolves; records that were published since the last `forget` are left out. */
  publish(letters: DeadLetter[]): Promise<void>
  /** A new epoch began: another member may have had these partitions in between. */
  forget(): void
}

/** Bytes kept of a value that is too large for the dead-letter topic: enough to see the framing and the first fields. */
const CUT_BYTES = 65_536
/** Characters kept of an error message: headers count towards a record's size. */
const MESSAGE_CHARACTERS = 1_000

/**
 * Publishes refused records to `bikeshare.dead-letters.v1`: original key, bytes and headers, and `dl_topic`,
 * `dl_partition`, `dl_offset`, `dl_service`, `dl_code`, `dl_message`, `dl_attempts`. Counts each in
 * `velocast_dead_letters_total{service,code}`. A value too large for the topic is cut, with `dl_value_bytes` its full size.
 */
export function createDeadLetters(options: {
  platform: Pick<Platform, 'log' | 'logger' | 'metrics'>
  service: string
  group: string
}): DeadLetters {
  const { platform, service, group } = options
  const counter = deadLetterCounter(platform.metrics)
  const published = new Map<string, number>()
  return {
    async publish(letters) {
      const due = letters.filter(
        ({ record }) => record.offset >= (published.get(`${record.topic}/${record.partition}`) ?? 0),
      )
      if (due.length === 0) return
      await publishWhole(
        platform,
        due.map((letter) => ({ service, ...letter })),
      )
      for (const { record, error } of due) {
        published.set(`${record.topic}/${record.partition}`, record.offset + 1)
        counter.inc({ service, code: error.code })
        platform.logger.warn(
          {
            service,
            group,
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            code: error.code,
          },
          `record refused and published to the dead letters: ${error.message}`,
        )
      }
    },
    forget() {
      published.clear()
    },
  }
}

type Refused = DeadLetter & { service: string }

async function publishWhole(platform: Pick<Platform, 'log'>, letters: Refused[]): Promise<void> {
  try {
    await platform.log.publish(TOPICS.deadLetters, letters.map(outgoing))
  } catch (error) {
    if (!hasCode(error, 'log_record_oversized')) throw error
    await platform.log.publish(TOPICS.deadLetters, letters.map(cut))
  }
}

function outgoing({ record, error, service }: Refused): OutgoingRecord {
  const key = record.key ?? ''
  return {
    partitionKey: key,
    key,
    value: record.value,
    headers: {
      ...record.headers,
      dl_topic: record.topic,
      dl_partition: String(record.partition),
      dl_offset: String(record.offset),
      dl_service: service,
      dl_code: error.code,
      dl_message: error.message.slice(0, MESSAGE_CHARACTERS),
      dl_attempts: '1',
    },
  }
}

function cut(letter: Refused): OutgoingRecord {
  const record = outgoing(letter)
  if (record.value === null || record.value.length <= CUT_BYTES) return record
  return {
    ...record,
    value: record.value.subarray(0, CUT_BYTES),
    headers: { ...record.headers, dl_value_bytes: String(record.value.length) },
  }
}

function deadLetterCounter(metrics: Platform['metrics']): Counter<'service' | 'code'> {
  const name = 'velocast_dead_letters_total'
  const existing = metrics.getSingleMetric(name)
  if (existing !== undefined) return existing as Counter<'service' | 'code'>
  return new Counter({
    name,
    help: 'Records refused and published to the dead-letter topic',
    labelNames: ['service', 'code'] as const,
    registers: [metrics],
  })
}
