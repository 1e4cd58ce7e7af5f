import type { KafkaMessage } from 'kafkajs'
import type { LogRecord } from '../port.ts'

/** A message as the log's consumers see it; `mendRecordBatches` has made keys and headers text. */
export function toLogRecord(options: { topic: string; partition: number; message: KafkaMessage }): LogRecord {
  const { topic, partition, message } = options
  return {
    topic,
    partition,
    offset: Number(message.offset),
    key: message.key as string | null,
    value: message.value,
    headers: message.headers as Record<string, string>,
    appended: Number(message.timestamp),
  }
}
