import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { exposeLag } from '../../../services/platform/event-log/consumer-lag.ts'
import type { GroupLag } from '../../../services/platform/event-log/port.ts'

const lag = (topic: string, partition: number, committed: number | null, end: number): GroupLag => ({
  topic,
  partition,
  committed,
  end,
})

test('each scrape tells what every group has not committed, over all partitions; no commit counts from the beginning', async () => {
  const answers: Record<string, GroupLag[]> = {
    readers: [lag('a', 0, 5, 10), lag('a', 1, null, 3)],
    others: [lag('a', 0, 10, 10), lag('b', 0, 1, 2)],
  }
  const log = { lag: async (group: string) => answers[group] ?? [] } as never
  const metrics = new Registry()
  exposeLag({ log, metrics, group: 'readers', topics: ['a'] })
  exposeLag({ log, metrics, group: 'others', topics: ['a', 'b'] })
  const text = await metrics.metrics()
  expect(text).toContain('velocast_consumer_lag_records{group="readers",topic="a"} 8')
  expect(text).toContain('velocast_consumer_lag_records{group="others",topic="a"} 0')
  expect(text).toContain('velocast_consumer_lag_records{group="others",topic="b"} 1')
})

test('a log that does not answer costs no scrape, and the last value stands', async () => {
  let answers: Promise<GroupLag[]> = Promise.resolve([lag('a', 0, 1, 5)])
  const metrics = new Registry()
  exposeLag({ log: { lag: () => answers } as never, metrics, group: 'readers', topics: ['a'] })
  expect(await metrics.metrics()).toContain('topic="a"} 4')
  answers = Promise.reject(new Error('down'))
  expect(await metrics.metrics()).toContain('topic="a"} 4')
})
