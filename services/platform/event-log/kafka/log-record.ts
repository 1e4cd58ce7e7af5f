import type { KafkaMessage } from 'kafkajs'
import type { LogRecord } from '../port.ts'

/** A message as the log's consumers see it: keys and headers are UTF-8 text, the first of a repeated header counts. */
export function toLogRecord(options: { topic: string; partition: number; message: KafkaMessage }): LogRecord {
  const { topic, partition, message } = options
  const headers: Record<string, string> = {}
  for (const name in message.headers) {
    const value = message.headers[name]
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) headers[name] = first.toString()
  }
  return {
    topic,
    partition,
    offset: Number(message.offset),
    key: message.key === null ? null : message.key.toString(),
    value: message.value,
    headers,
    appended: Number(message.timestamp),
  }
}
