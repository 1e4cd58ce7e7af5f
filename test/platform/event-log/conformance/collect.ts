import { VelocastError } from '../../../../services/platform/errors.ts'
import type {
  Assignment,
  Batch,
  EventLog,
  Position,
  Subscription,
} from '../../../../services/platform/event-log/port.ts'
import { unique } from './world.ts'

interface CollectOptions {
  group: string
  topics: string[]
  maxBatchRecords?: number
  from?: 'earliest' | 'latest'
  transient?: boolean
  /** Commit after each batch; default true. */
  commit?: boolean
  /** Close after this many records, with what came beyond them neither kept nor committed. */
  stopAfter?: number
  assigned?(assignment: Assignment): Promise<Position[] | undefined>
  onKey?(key: string): void
}

/** Reads a group's records into arrays; `done` resolves when `stopAfter` were handled and the subscription closed. */
export async function collect(log: EventLog, options: CollectOptions) {
  const { commit = true, stopAfter = Number.POSITIVE_INFINITY, onKey, ...subscribe } = options
  const batches: Batch[] = []
  const assignments: Assignment[] = []
  const done = Promise.withResolvers<void>()
  let count = 0
  const subscription: Subscription = await log.subscribe({
    ...subscribe,
    async assigned(assignment) {
      assignments.push(assignment)
      return options.assigned?.(assignment)
    },
    async batch(batch) {
      if (count >= stopAfter) return
      batches.push(batch)
      count += batch.records.length
      for (const { key } of batch.records) onKey?.(key!)
      if (commit) {
        const { topic, partition, epoch, records } = batch
        await subscription
          .commit(epoch, [{ topic, partition, offset: records.at(-1)!.offset + 1 }])
          .catch((error) => {
            if (!(error instanceof VelocastError && error.code === 'log_stale_epoch')) throw error
          })
      }
      if (count >= stopAfter) setImmediate(() => subscription.close().then(done.resolve, done.reject))
    },
    failed: done.reject,
  })
  return {
    subscription,
    batches,
    assignments,
    done: done.promise,
    get epochs() {
      return assignments.map(({ epoch }) => epoch)
    },
    keys: () => batches.flatMap(({ records }) => records.map(({ key }) => key!)),
  }
}

export async function readAll(log: EventLog, topic: string, count: number) {
  const reading = await collect(log, { group: unique('reader'), topics: [topic], stopAfter: count })
  await reading.done
  return reading.batches.flatMap(({ records }) => records)
}
