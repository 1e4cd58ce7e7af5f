import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { HOUR_MS } from '../../services/domain/bin.ts'
import { rebuildArtefacts } from '../../services/monitor/rebuild.ts'
import { createMonitorService } from '../../services/monitor/service.ts'
import { createSinkService } from '../../services/sink/service.ts'
import { CITY_START, cityPolls, faults, withBikes } from './city.ts'
import { contents, openWorld, publishPolls } from './platform.ts'

/** A gap, a stale hour, failing polls, polls that come twice and, an hour too late, a correction of two stations. */
function polls() {
  const at = (hours: number): number => CITY_START + hours * HOUR_MS
  const city = [
    faults.gap(at(2), at(2.5)),
    faults.stale(at(3), at(4)),
    faults.failing(at(5), at(5.25)),
    faults.duplicate(at(6), at(6.25)),
  ].reduce((before, fault) => fault(before), cityPolls({ days: 0.5, stations: 8 }))
  const of = city[20]!
  const poll_id = `${of.poll.poll_id}-late`
  const observations = of.observations.slice(5, 7).map((row, index) => ({
    ...withBikes(row, 9),
    poll_id,
    fetched_utc: row.fetched_utc + 1000,
    poll_index: index,
    poll_count: 2,
  }))
  const late = {
    poll: { ...of.poll, poll_id, fetched_utc: of.poll.fetched_utc + 1000, rows: 2 },
    observations,
  }
  return [...city.slice(0, 70), late, ...city.slice(70)]
}

test("what the stream publishes equals what is rebuilt from the sink's own parquet, late rows included", async () => {
  const world = await openWorld()
  const { platform } = world
  const sink = createSinkService({ ...platform, metrics: new Registry() })
  const monitor = createMonitorService({ ...platform, metrics: new Registry() }, { maxBatchRecords: 100 })
  await sink.start()
  await monitor.start()
  await publishPolls(platform, polls())
  await expect.poll(() => sink.caughtUp(), { timeout: 20_000 }).toBe(true)
  await expect.poll(() => monitor.caughtUp(), { timeout: 20_000 }).toBe(true)
  await sink.finish()
  await monitor.finish()
  const streamed = await contents(platform.objects, 'test-city/monitoring/data/')
  const ledger = JSON.parse((await platform.objects.get('ledger/monitor/p0.json'))!.bytes.toString())
  const rebuilt = await rebuildArtefacts({ platform, system: 'test-city', end: CITY_START + 12 * HOUR_MS })
  await monitor.close()
  await sink.close()
  await world.close()
  expect(ledger.systems['test-city'].dirty).toEqual({})
  expect(new Map(rebuilt.map(({ path, bytes }) => [path, bytes.toString()]))).toEqual(streamed)
  const { alerts } = JSON.parse(streamed.get('test-city/monitoring/data/health/latest/alerts.json')!)
  expect(alerts.map(({ name }: { name: string }) => name)).toEqual([
    'missing_bins',
    'duplicates',
    'stale_feed',
  ])
})
