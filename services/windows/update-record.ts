import type { WindowUpdate } from '../domain/window.ts'
import type { Codec } from '../platform/event-log/codec.ts'
import type { OutgoingRecord } from '../platform/event-log/port.ts'
import { TOPICS } from '../platform/topics.ts'
import { childTraceparent } from '../platform/trace.ts'

const WINDOW_UPDATE_TYPE = 'velocast.window-update.v1'

/** The update's record: CloudEvents in binary mode, in the trace of its poll (`parent`, a traceparent) if it has one. */
export function updateRecord({
  codec,
  update,
  parent,
}: {
  codec: Pick<Codec, 'encode'>
  update: WindowUpdate
  parent: string | null
}): OutgoingRecord {
  const trace = childTraceparent(parent, `windows/${update.system}/${update.poll_id}`)
  return {
    partitionKey: update.system,
    key: update.system,
    value: codec.encode(TOPICS.windowUpdates, 'WindowUpdate', update),
    headers: {
      ce_specversion: '1.0',
      ce_id: update.poll_id,
      ce_source: `velocast/windows/${update.system}`,
      ce_type: WINDOW_UPDATE_TYPE,
      ce_time: new Date(update.ts_utc).toISOString(),
      'content-type': 'application/avro',
      ...(trace === null ? {} : { traceparent: trace }),
    },
  }
}
