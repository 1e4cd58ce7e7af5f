/** Connects to the brokers in its arguments, publishes, consumes, closes, and says how many records it saw. */
import pino from 'pino'
import { systemClock } from '../../services/platform/clock.ts'
import { openKafkaLog } from '../../services/platform/event-log/kafka.ts'

const log = openKafkaLog({
  brokers: process.argv.slice(2),
  clientId: 'velocast-connecting',
  sessionTimeoutMs: 6_000,
  replication: 1,
  clock: systemClock,
  logger: pino({ level: 'silent' }),
})
const topic = `connecting-${process.pid}-${Date.now()}`
await log.ensureTopics([
  { name: topic, partitions: 3, retentionMs: null, compacted: false, maxBytes: 1_048_576 },
])
await log.publish(
  topic,
  ['a', 'b', 'c'].map((key) => ({ partitionKey: key, key, value: null })),
)
let count = 0
await new Promise<void>((resolve) => {
  void log.subscribe({
    group: `${topic}-group`,
    topics: [topic],
    async batch({ records }) {
      count += records.length
      if (count === 3) resolve()
    },
  })
})
await log.close()
process.stdout.write(`consumed ${count}\n`)
