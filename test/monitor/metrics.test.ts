import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { createMonitorService } from '../../services/monitor/service.ts'
import type { Assignment, SubscribeOptions } from '../../services/platform/event-log/port.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { cityPolls } from './city.ts'
import { openWorld, publishPolls } from './platform.ts'

test('gauges of a system that another member owns are gone after the rebalance', async () => {
  const world = await openWorld()
  const metrics = new Registry()
  let options: SubscribeOptions | null = null
  const { log } = world.platform
  const watched = {
    ...log,
    publish: log.publish.bind(log),
    lag: log.lag.bind(log),
    offsetsAt: log.offsetsAt.bind(log),
    subscribe: (given: SubscribeOptions) => {
      options = given
      return log.subscribe(given)
    },
  }
  const monitor = createMonitorService(
    { ...world.platform, log: watched, metrics },
    { artefactIntervalMs: 0 },
  )
  await monitor.start()
  await publishPolls(world.platform, cityPolls({ days: 0.1, stations: 4 }))
  await expect.poll(() => monitor.caughtUp(), { timeout: 20_000 }).toBe(true)
  const shown = async (): Promise<string[]> =>
    (await metrics.metrics()).split('\n').filter((line) => /^velocast_health_.*system="test-city"/.test(line))
  expect((await shown()).length).toBeGreaterThan(5)
  const elsewhere: Assignment = {
    epoch: 99,
    partitions: [{ topic: TOPICS.status, partition: 7, committed: null }],
  }
  await options!.assigned!(elsewhere)
  expect(await shown()).toEqual([])
  await monitor.close()
  await world.close()
})
