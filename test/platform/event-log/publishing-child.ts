/** Publishes for ever to the log file named in its arguments and prints every end offset that was acknowledged. */
import { systemClock } from '../../../services/platform/clock.ts'
import { openInProcessLog } from '../../../services/platform/event-log/in-process.ts'

const log = openInProcessLog({ file: process.argv[2]!, clock: systemClock })
await log.ensureTopics([
  { name: 't', partitions: 1, retentionMs: null, compacted: false, maxBytes: 1_048_576 },
])
for (let n = 0; ; n += 100) {
  const positions = await log.publish(
    't',
    Array.from({ length: 100 }, (_, i) => ({
      partitionKey: 'a',
      key: `a/${n + i}`,
      value: Buffer.from(`${n + i}`),
    })),
  )
  process.stdout.write(`${positions.at(-1)!.offset + 1}\n`)
  await new Promise((resolve) => setImmediate(resolve))
}
