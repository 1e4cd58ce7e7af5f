import { VelocastError } from '../errors.ts'
import type { OutgoingRecord } from './port.ts'

/** Most that Kafka's record format 2 adds to a record: attributes, deltas and lengths as varints. */
const RECORD_OVERHEAD = 36
/** Two lengths as varints. */
const HEADER_OVERHEAD = 10
/** Header of a record batch (61 bytes), rounded up. */
export const BATCH_OVERHEAD = 128

/** Bytes that a record takes in a batch, never less than it really does. */
export function recordBytes({ key, value, headers }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD + Buffer.byteLength(key) + (value?.length ?? 0)
  for (const name in headers) {
    bytes += HEADER_OVERHEAD + Buffer.byteLength(name) + Buffer.byteLength(headers[name]!)
  }
  return bytes
}

/** As `recordBytes`, without a look at the texts: they may take a third of it. */
function mostBytes({ key, value, headers }: OutgoingRecord): number {
  let units = key.length
  let bytes = RECORD_OVERHEAD + (value?.length ?? 0)
  for (const name in headers) {
    bytes += HEADER_OVERHEAD
    units += name.length + headers[name]!.length
  }
  return bytes + 3 * units
}

/** Throws `log_record_oversized` for a record that no batch of the topic can hold: nothing of the call is published. */
export function requireWithinLimit(topic: string, records: OutgoingRecord[], maxBytes: number): void {
  for (const record of records) {
    if (mostBytes(record) + BATCH_OVERHEAD <= maxBytes) continue
    const bytes = recordBytes(record)
    if (bytes + BATCH_OVERHEAD <= maxBytes) continue
    throw new VelocastError({
      code: 'log_record_oversized',
      message: `record ${record.key} for ${topic} must fit into ${maxBytes} bytes with its headers, got ${bytes}`,
      data: { topic, key: record.key, bytes, maxBytes },
    })
  }
}
