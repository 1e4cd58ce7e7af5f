import { VelocastError } from '../errors.ts'
import type { Platform } from '../service.ts'
import type { Decoded } from './codec.ts'
import { exposeLag } from './consumer-lag.ts'
import { createDeadLetters, type DeadLetter } from './dead-letters.ts'
import type { Batch, LogRecord, SubscribeOptions, Subscription } from './port.ts'
import { checkRecord } from './record-check.ts'

/** A record and what it decodes to. */
export interface DecodedRecord {
  record: LogRecord
  decoded: Decoded
}

/** A batch without the records that went to the dead letters; it may be empty. */
export interface DecodedBatch extends Omit<Batch, 'records'> {
  records: DecodedRecord[]
  /** Offset after the last record of the fetched batch, dead letters included: what to commit when all is done. */
  nextOffset: number
}

export interface ConsumeOptions extends Omit<SubscribeOptions, 'batch'> {
  platform: Pick<Platform, 'log' | 'codec' | 'logger' | 'metrics'>
  /** Name of the service, for dead letters and metrics. */
  service: string
  /** As `SubscribeOptions.batch`: a retryable error brings the same records again, any other ends the subscription. */
  batch(batch: DecodedBatch): Promise<void>
}

/**
 * Subscribes with decoding and dead letters: how every service reads a topic.
 *
 * 1. A batch is decoded in order. An unreachable registry is retryable: the batch comes again.
 * 2. Records that cannot be decoded, whose key does not fit, or whose content is impossible are published to the
 *    dead letters with their reason, and counted in `velocast_dead_letters_total`, before the handler sees the rest.
 *    A redelivered batch does not publish them twice within an epoch; after a new epoch they may come again.
 * 3. The handler gets what is left. It commits itself, at `nextOffset` or earlier.
 *
 * Holds one batch in memory.
 */
export async function consume(options: ConsumeOptions): Promise<Subscription> {
  const { platform, service, batch: handle, assigned, ...subscribe } = options
  const deadLetters = createDeadLetters({ platform, service, group: subscribe.group })
  exposeLag({ ...platform, group: subscribe.group, topics: subscribe.topics })
  return platform.log.subscribe({
    ...subscribe,
    async assigned(assignment) {
      deadLetters.forget()
      return assigned?.(assignment)
    },
    async batch(batch) {
      const { records, ...where } = batch
      const { codec } = platform
      const unread = records.filter(({ decoded }) => decoded?.by !== codec)
      const entries = await codec.decode(
        batch.topic,
        unread.map(({ value }) => value),
      )
      if (batch.signal.aborted) return
      const refused: DeadLetter[] = []
      unread.forEach((record, index) => {
        const entry = entries[index]!
        const verdict = entry instanceof VelocastError ? entry : checkRecord(record, entry)
        if (verdict !== null) refused.push({ record, error: verdict })
        else record.decoded = { by: codec, as: entry as Decoded }
      })
      const good = records.flatMap((record): DecodedRecord | [] =>
        record.decoded?.by === codec ? { record, decoded: record.decoded.as } : [],
      )
      await deadLetters.publish(refused)
      if (batch.signal.aborted) return
      await handle({ ...where, records: good, nextOffset: records.at(-1)!.offset + 1 })
    },
  })
}
