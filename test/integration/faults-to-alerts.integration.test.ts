import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { DAY_MS, HOUR_MS } from '../../services/domain/bin.ts'
import { createPollPipeline } from '../../services/ingest/pipeline.ts'
import type { Fault } from '../../services/ingest/simulator/faults.ts'
import {
  informationOf,
  pollAnswerOf,
  type RecordedPoll,
  recordCity,
  weatherOf,
} from '../../services/ingest/simulator/record.ts'
import { createMonitorService } from '../../services/monitor/service.ts'
import { systemClock } from '../../services/platform/clock.ts'
import { configSchema } from '../../services/platform/config.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { openInProcessLog } from '../../services/platform/event-log/in-process.ts'
import { openLocalStore } from '../../services/platform/object-store/local.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import type { Platform } from '../../services/platform/service.ts'
import { topicSpecs } from '../../services/platform/topics.ts'
import { createSinkService } from '../../services/sink/service.ts'

/** Tuesday, 2026-03-10 at 04:00 UTC: a week of reference, then the day that is looked at. */
const START = Date.UTC(2026, 2, 10, 4)
const DAY = START + 7 * DAY_MS
const NOON = DAY + 8 * HOUR_MS
const SYSTEM = 'simulated-city'
const CITY = { seed: 3, stations: 80, pollSeconds: 600 }

/** Health lists its alerts, drift tables them. */
interface Alerts {
  alerts?: { name: string }[]
  rows?: { code: string }[]
}

let directory: string
let reference: string
let liveliest: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-faults-'))
  reference = join(directory, 'reference')
  const week = [...recordCity({ ...CITY, start: START, end: DAY })]
  liveliest = mostMoved(week)
  await through(reference, week)
}, 240_000)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** The station whose count changed most often. */
function mostMoved(polls: RecordedPoll[]): string {
  const moves = new Map<string, number>()
  const last = new Map<string, number>()
  for (const poll of polls) {
    const answer = pollAnswerOf(poll)
    if (answer.kind !== 'status') continue
    for (const { station_id, bikes } of answer.status.stations) {
      if (last.get(station_id) !== bikes) moves.set(station_id, (moves.get(station_id) ?? 0) + 1)
      last.set(station_id, bikes ?? -1)
    }
  }
  return [...moves].sort(([, one], [, other]) => other - one)[0]![0]
}

/** Polls through ingest's pipeline, the embedded log, sink and monitor, going on from what the directory holds. */
async function through(target: string, polls: Iterable<RecordedPoll>): Promise<string[]> {
  const log = openInProcessLog({ file: join(target, 'log.sqlite'), clock: systemClock })
  await log.ensureTopics(topicSpecs({ partitions: 1 }))
  const codec = createCodec({ registry: openLocalRegistry({ directory: join(target, 'schemas') }) })
  await codec.register()
  const objects = await openLocalStore({ root: join(target, 'store') })
  const config = configSchema.parse({
    systems: [{ id: SYSTEM, discovery_url: 'http://localhost/gbfs.json', timezone: 'Europe/Paris' }],
    monitor: { window_days: 1, reference_days: 7 },
  })
  const logger = pino({ level: 'silent' })
  const base = { config, clock: systemClock, logger, log, codec, objects }
  const platform = (): Platform => ({ ...base, metrics: new Registry() }) as unknown as Platform
  const sink = createSinkService(platform())
  const monitor = createMonitorService(platform())
  await sink.start()
  await monitor.start()
  const pipeline = createPollPipeline({ platform: platform(), system: { id: SYSTEM }, source: 'simulate' })
  let described: RecordedPoll['information'] | null = null
  let issued = 0
  for (const poll of polls) {
    if (described === null) await pipeline.information(informationOf(poll), poll.fetched_utc)
    described = poll.information
    if (issued !== poll.weather.issued_utc) await pipeline.weather(weatherOf(poll, SYSTEM))
    issued = poll.weather.issued_utc
    await pipeline.handle(pollAnswerOf(poll))
  }
  for (const service of [sink, monitor]) {
    await vi.waitUntil(() => service.caughtUp(), { timeout: 60_000 })
  }
  await sink.finish()
  await monitor.finish()
  const names: string[] = []
  for (const kind of ['health', 'drift']) {
    const artefact = await objects.get(`${SYSTEM}/monitoring/data/${kind}/latest/alerts.json`)
    const { alerts = [], rows = [] } = JSON.parse(artefact?.bytes.toString() ?? '{}') as Alerts
    names.push(...alerts.map(({ name }) => name), ...rows.map(({ code }) => code))
  }
  await monitor.close()
  await sink.close()
  await log.close()
  return names
}

/** The day that is looked at, with faults, on top of the week before it. */
async function alertsOf(faults: Fault[]): Promise<string[]> {
  const target = mkdtempSync(join(directory, 'day-'))
  cpSync(reference, target, { recursive: true })
  return through(target, recordCity({ ...CITY, start: DAY, end: DAY + DAY_MS, faults }))
}

describe('a fault that the simulated feed has raises its own alert through the whole pipeline, and no other', () => {
  const hour = { from: NOON, until: NOON + HOUR_MS }
  test.each<[string, () => Fault[], string[]]>([
    ['none', () => [], []],
    ['no answers for an hour', () => [{ kind: 'missing', ...hour }], ['missing_bins']],
    ['status 500 for an hour', () => [{ kind: 'error', ...hour }], ['missing_bins']],
    ['a published time that stands still for an hour', () => [{ kind: 'stale', ...hour }], ['stale_feed']],
    [
      'counts that stand still for two hours',
      () => [{ kind: 'frozen', from: NOON, until: NOON + 2 * HOUR_MS }],
      ['frozen_feed'],
    ],
    [
      'one station that stands still all day',
      () => [{ kind: 'flat', from: DAY, stations: [liveliest] }],
      ['flat_sequence'],
    ],
    [
      'an answer of twenty minutes ago that comes again',
      () => [{ kind: 'late', minutes: 20, from: NOON, until: NOON + 600_000 }],
      ['duplicates'],
    ],
    [
      '30 % more bikes all day',
      () => [{ kind: 'occupancy_shift', factor: 1.3, from: DAY }],
      ['drift_occupancy'],
    ],
    [
      'stations named twice all day, and the answer of the poll before now and then: both are normal',
      () => [
        { kind: 'duplicate_stations', from: DAY, stations: 5 },
        { kind: 'duplicate_poll', share: 0.05 },
      ],
      [],
    ],
  ])('%s', async (_name, faults, alerts) => {
    expect(await alertsOf(faults())).toEqual(alerts)
  })
})
