import { Registry } from 'prom-client'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BIN_MS, HOUR_MS } from '../../services/domain/bin.ts'
import {
  ARTEFACT_NAMES,
  ARTEFACT_SCHEMAS,
  type ArtefactName,
  artefactPath,
} from '../../services/monitor/artefact-schemas.ts'
import { rebuildArtefacts } from '../../services/monitor/rebuild.ts'
import { createMonitorService } from '../../services/monitor/service.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { CITY_START, type CityPoll, cityPolls, faults, withBikes } from './city.ts'
import { contents, openWorld, publishPolls, runToEnd, type World, writeParquet } from './platform.ts'

const SYSTEM = 'test-city'
const DATA = `${SYSTEM}/monitoring/data/`
/** Nothing is forecast here, so nothing is scored. */
const WITHOUT_FORECASTS = ARTEFACT_NAMES.filter((name) => !name.startsWith('performance/'))
const END = CITY_START + 18 * HOUR_MS
const city = faults.duplicate(
  CITY_START + 12 * HOUR_MS,
  CITY_START + 12 * HOUR_MS + BIN_MS,
)(faults.gap(CITY_START + 8 * HOUR_MS, CITY_START + 9 * HOUR_MS)(cityPolls({ days: 0.75, stations: 8 })))

/** A poll of an hour long closed: what one station showed then is corrected. */
function lateCorrection(polls: readonly CityPoll[], utc: number): CityPoll {
  const of = polls.find(({ poll }) => poll.ts_utc! >= utc)!
  const poll_id = `${of.poll.poll_id}-late`
  const fetched_utc = of.poll.fetched_utc + 1000
  const observations = of.observations
    .slice(5, 7)
    .map((row, index) => ({ ...withBikes(row, 9), poll_id, fetched_utc, poll_index: index, poll_count: 2 }))
  return { poll: { ...of.poll, poll_id, fetched_utc, rows: 2 }, observations }
}
const late = lateCorrection(city, CITY_START + 5 * HOUR_MS)
const withLate = [...city.slice(0, 150), late, ...city.slice(150)]

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

async function stream(polls: readonly CityPoll[]): Promise<Map<string, string>> {
  const next = await publishPolls(world.platform, polls)
  await writeParquet(world.platform.objects, polls, next)
  const service = await runToEnd(world.platform)
  await service.close()
  return contents(world.platform.objects, DATA)
}

async function rebuilt(): Promise<Map<string, string>> {
  const artefacts = await rebuildArtefacts({ platform: world.platform, system: SYSTEM, end: END })
  return new Map(artefacts.map(({ path, bytes }) => [path, bytes.toString()]))
}

function sorted(found: Map<string, string>): [string, string][] {
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1))
}

describe('artefacts', () => {
  test('streamed equal those rebuilt from parquet, byte for byte', async () => {
    const streamed = await stream(city)
    expect([...streamed.keys()].sort()).toEqual(
      WITHOUT_FORECASTS.map((name) => artefactPath(SYSTEM, name)).sort(),
    )
    expect(sorted(await rebuilt())).toEqual(sorted(streamed))
  })

  test('equal the rebuilt ones when rows of a closed hour came late, and show the correction', async () => {
    const before = await stream(withLate)
    expect(sorted(await rebuilt())).toEqual(sorted(before))
    const hour = await contents(world.platform.objects, `${SYSTEM}/monitoring/aggregates/hour/2024-09-02T05`)
    const uncorrected = await openWorld()
    await publishPolls(uncorrected.platform, city)
    await (await runToEnd(uncorrected.platform)).close()
    const plain = await contents(
      uncorrected.platform.objects,
      `${SYSTEM}/monitoring/aggregates/hour/2024-09-02T05`,
    )
    await uncorrected.close()
    expect(JSON.parse([...hour.values()][0]!).aggregates).not.toEqual(
      JSON.parse([...plain.values()][0]!).aggregates,
    )
  })

  test('fit their schemas', async () => {
    for (const [path, text] of await stream(city)) {
      const name = path.slice(DATA.length) as ArtefactName
      expect(ARTEFACT_SCHEMAS[name].safeParse(JSON.parse(text)).error, path).toBeUndefined()
    }
  })

  test('are each announced by one event, under their own key', async () => {
    await stream(city)
    const keys = new Set<string>()
    const subscription = await world.platform.log.subscribe({
      group: 'reader',
      topics: [TOPICS.monitoring],
      async batch({ records }) {
        for (const { key } of records) keys.add(key!)
      },
    })
    await expect.poll(() => keys.size).toBe(WITHOUT_FORECASTS.length)
    await subscription.close()
    expect([...keys].sort()).toEqual(WITHOUT_FORECASTS.map((name) => artefactPath(SYSTEM, name)).sort())
  })

  test('show the gap and the duplicate of this city, and nothing else', async () => {
    const streamed = await stream(city)
    const { alerts } = JSON.parse(streamed.get(artefactPath(SYSTEM, 'health/latest/alerts.json'))!)
    expect(alerts.map(({ name }: { name: string }) => name)).toEqual(['missing_bins', 'duplicates'])
  })
})

describe('a restart', () => {
  let expected: [string, string][]
  beforeAll(async () => {
    world = await openWorld()
    expected = sorted(await stream(withLate))
    await world.close()
  })

  const steps = ['taken', 'hours', 'ledger', 'recomputed', 'replaced', 'artefacts', 'freshness', 'committed']
  test.each(steps)('after "%s" ends with the same aggregates and artefacts', async (stopAt) => {
    const again = await openWorld()
    const next = await publishPolls(again.platform, withLate)
    await writeParquet(again.platform.objects, withLate, next)
    let stops = 0
    for (let run = 0; run < 3; run += 1) {
      let passed = 0
      const service = await runToEnd(again.platform, {
        finish: false,
        fault(step) {
          if (step !== stopAt || passed++ < 2 * run) return
          stops += 1
          throw new VelocastError({ code: 'internal', message: `stopped after ${step}` })
        },
      })
      await service.close()
    }
    expect(stops).toBeGreaterThan(0)
    await (await runToEnd(again.platform)).close()
    const found = sorted(await contents(again.platform.objects, DATA))
    await again.close()
    expect(found).toEqual(expected)
  })

  test('of a batch after a fault that a retry mends counts nothing twice', async () => {
    const again = await openWorld()
    await writeParquet(again.platform.objects, withLate, await publishPolls(again.platform, withLate))
    const failed = new Set<string>()
    const service = await runToEnd(again.platform, {
      maxBatchRecords: 2000,
      fault(step) {
        if (failed.has(step) || !['taken', 'hours', 'replaced'].includes(step)) return
        failed.add(step)
        throw new VelocastError({
          code: 'store_unreachable',
          message: `fault after ${step}`,
          retryable: true,
        })
      },
    })
    await service.close()
    const found = sorted(await contents(again.platform.objects, DATA))
    await again.close()
    expect(failed.size).toBe(3)
    expect(found).toEqual(expected)
  })

  test('after a drain goes on in the middle of an hour', async () => {
    const again = await openWorld()
    await publishPolls(again.platform, withLate.slice(0, 77))
    const first = await runToEnd(again.platform, { finish: false })
    await first.drain(new AbortController().signal)
    await first.close()
    const next = await publishPolls(again.platform, withLate.slice(77))
    await writeParquet(again.platform.objects, withLate, next)
    const second = await runToEnd(again.platform)
    await second.close()
    const found = sorted(await contents(again.platform.objects, DATA))
    await again.close()
    expect(found).toEqual(expected)
  })
})

describe('metrics', () => {
  test('show coverage, freshness, PSI and alerts by system, and no station', async () => {
    await publishPolls(world.platform, city)
    const metrics = new Registry()
    const service = createMonitorService({ ...world.platform, metrics })
    await service.start()
    await expect.poll(() => service.caughtUp()).toBe(true)
    await service.finish()
    await service.close()
    const text = await metrics.metrics()
    expect(text).toContain('velocast_health_alert_active{system="test-city",alert="missing_bins"} 1')
    expect(text).toContain('velocast_health_alert_active{system="test-city",alert="frozen_feed"} 0')
    expect(text).toContain('velocast_health_coverage_pct{system="test-city",kind="station"} 100')
    expect(text).toContain('velocast_health_freshness_minutes{system="test-city",quantile="0.95"} 6.2')
    expect(text).not.toMatch(/s\d{3}/)
  })
})

describe('a zombie', () => {
  test('cannot write an hour over that of the new owner, and stops', async () => {
    const { platform } = world
    await publishPolls(platform, city.slice(0, 30))
    const zombie = await runToEnd(platform, { finish: false })
    const path = 'ledger/monitor/p0.json'
    const ledger = (await platform.objects.get(path))!
    const owner = Buffer.from(ledger.bytes.toString().replace('"epoch":', '"epoch":9'))
    await platform.objects.put(path, owner)
    await expect(zombie.finish()).rejects.toMatchObject({ code: 'log_stale_epoch', retryable: true })
    await zombie.close()
    expect((await platform.objects.get(path))!.bytes.equals(owner)).toBe(true)
  })
})

describe('systems of one partition', () => {
  test('have artefacts of their own, equal to those of each alone', async () => {
    const other = cityPolls({
      days: 0.5,
      stations: 5,
      seed: 9,
      system: 'other-city',
      start: CITY_START + 5 * HOUR_MS,
    })
    const mixed = [...city, ...other].sort((a, b) => a.poll.fetched_utc - b.poll.fetched_utc)
    const expected = sorted(await stream(mixed))
    const again = await openWorld()
    await publishPolls(again.platform, city)
    await (await runToEnd(again.platform)).close()
    const alone = sorted(await contents(again.platform.objects, DATA))
    await again.close()
    expect(expected).toEqual(alone)
    expect((await contents(world.platform.objects, 'other-city/monitoring/data/')).size).toBe(
      WITHOUT_FORECASTS.length,
    )
  })
})
