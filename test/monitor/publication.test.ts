import { expect, test } from 'vitest'
import type { PartitionMonitor } from '../../services/monitor/partition-monitor.ts'
import { Publication } from '../../services/monitor/publication.ts'
import { ManualClock } from '../ingest/manual-clock.ts'

test('artefacts are published at once, then once a pause however often they are due, and never lost', async () => {
  const clock = new ManualClock(0)
  const stop = new AbortController()
  let published = 0
  const publish = async (): Promise<void> => {
    published += 1
  }
  const monitor = { publish } as unknown as PartitionMonitor
  let due = Promise.withResolvers<void>()
  const publication = new Publication({
    clock,
    intervalMs: 1_000,
    rest: 9,
    signal: stop.signal,
    later: () => due.resolve(),
  })
  await publication.publish(monitor)
  expect(published).toBe(1)
  for (let batch = 0; batch < 5; batch += 1) await publication.publish(monitor)
  expect(published).toBe(1)
  clock.advance(1_000)
  await due.promise
  due = Promise.withResolvers<void>()
  await publication.publish(monitor)
  expect(published).toBe(2)
  await publication.publish(monitor)
  stop.abort()
  expect(published).toBe(2)
})
