/**
 * Guards against a feed that is worse than none: one that hangs, breaks off, or answers something else, and is taken for
 * data, for news, or for the end; and against forecasts that go on as if nothing were.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Observation } from '../../services/domain/observation.ts'
import type { PollRecord } from '../../services/domain/poll.ts'
import { createForecastService } from '../../services/forecast/service.ts'
import { createIngestService } from '../../services/ingest/service.ts'
import { createMonitorService } from '../../services/monitor/service.ts'
import { systemClock } from '../../services/platform/clock.ts'
import { configSchema } from '../../services/platform/config.ts'
import { createCodec } from '../../services/platform/event-log/avro-codec.ts'
import { consume } from '../../services/platform/event-log/consume.ts'
import { openInProcessLog } from '../../services/platform/event-log/in-process.ts'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import { openLocalStore } from '../../services/platform/object-store/local.ts'
import { openLocalRegistry } from '../../services/platform/schema-registry/local.ts'
import type { Platform, Service } from '../../services/platform/service.ts'
import { TOPICS, topicSpecs } from '../../services/platform/topics.ts'
import { openMemoryWindowStore } from '../../services/platform/window-store/memory.ts'
import { createSinkService } from '../../services/sink/service.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { type Answer, type FeedServer, sendJson, startFeedServer } from '../ingest/feed-server.ts'
import { ManualClock } from '../ingest/manual-clock.ts'
import { startToxiproxy, type Toxiproxy, type WireProxy, wireFaults } from '../stack/toxiproxy.ts'
import { until } from './until.ts'

const NOW = Date.UTC(2026, 2, 10, 8, 0, 30)
const MINUTE_MS = 60_000
const STATIONS = 40
/** Data older than this, by the time of the poll, is stale; then withheld. */
const STALE_MINUTES = 3
const WITHHOLD_MINUTES = 6
const STATUS = '/station_status.json'
const WEATHER = '/weather'

let directory: string
let server: FeedServer
let toxiproxy: Toxiproxy
let feed: WireProxy
let weather: WireProxy
let clock = new ManualClock(NOW)
let run: Run | undefined

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'velocast-integrity-feed-'))
  ;[server, toxiproxy] = await Promise.all([startFeedServer(), startToxiproxy()])
  const upstream = server.url.replace('http://', '')
  // Slow, but within what a request may take.
  const slow = { latencyMs: 150, kilobytesPerSecond: 256 }
  feed = await toxiproxy.proxy({ name: 'feed', upstream, slow })
  weather = await toxiproxy.proxy({ name: 'weather', upstream, slow })
  server.serve('/station_information.json', {
    last_updated: NOW / 1000,
    ttl: 3600,
    data: {
      stations: ids.map((station_id) => ({
        station_id,
        name: `N${station_id}`,
        lat: 48,
        lon: 2,
        capacity: 20,
      })),
    },
  })
  serveWell()
})

afterEach(async () => {
  await run?.close()
  run = undefined
})

afterAll(async () => {
  await Promise.all([server?.close(), toxiproxy?.stop()])
  rmSync(directory, { recursive: true, force: true })
})

const ids = Array.from({ length: STATIONS }, (_, place) => `s${place}`)

/** A city whose counts change with every poll. */
function status(): object {
  const minute = Math.floor(clock.now() / MINUTE_MS)
  return {
    last_updated: clock.now() / 1000,
    ttl: 60,
    data: {
      stations: ids.map((station_id, place) => ({
        station_id,
        num_bikes_available: (minute + place) % 20,
        num_docks_available: 20 - ((minute + place) % 20),
      })),
    },
  }
}

function serveWell(): void {
  server.serve(STATUS, (_, response) => sendJson(response, status()))
  server.serve(WEATHER, (_, response) =>
    sendJson(response, {
      utc_offset_seconds: 0,
      hourly_units: { time: 'iso8601', temperature_2m: '°C', precipitation: 'mm', wind_speed_10m: 'm/s' },
      hourly: {
        time: Array.from({ length: 24 }, (_, hour) => `2026-03-10T${String(hour).padStart(2, '0')}:00`),
        temperature_2m: new Array(24).fill(9),
        precipitation: new Array(24).fill(0),
        wind_speed_10m: new Array(24).fill(3),
      },
    }),
  )
}

/** What is worse than no answer, and what looks worse than it is. */
const LIES: Record<string, Answer> = {
  'a status of 500': (_, response) => void response.writeHead(500).end('Internal Server Error'),
  'a page instead of data': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Down for maintenance</html>')
  },
  'data of another kind': (_, response) => sendJson(response, { data: { alerts: [] } }),
  'an empty city': (_, response) => sendJson(response, { ...status(), data: { stations: [] } }),
  'the wrong content type': (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(JSON.stringify(status()))
  },
}

type Befallen = readonly [what: string, begin: () => Promise<void> | void, end: () => Promise<void> | void]

/** Every fault of a wire and every lie at a path. */
function faultsOf(wire: () => WireProxy, path: string): Befallen[] {
  return [
    ...wireFaults.map((fault): Befallen => [fault, () => wire().fail(fault), () => wire().heal()]),
    ...Object.entries(LIES).map(([what, lie]): Befallen => [what, () => server.serve(path, lie), serveWell]),
  ]
}

interface Run {
  platform: Platform
  polls: PollRecord[]
  observations: Observation[]
  /** Lets a minute pass, and waits until its poll is done. */
  nextPoll(): Promise<void>
  start(service: Service): Promise<void>
  close(): Promise<void>
}

/** Ingest of one system over the two wires, by a clock that only `nextPoll` moves. */
async function startRun(system: string): Promise<Run> {
  clock = new ManualClock(NOW)
  const data = join(directory, system)
  const log = openInProcessLog({ file: `${data}.sqlite`, clock: systemClock })
  await log.ensureTopics(topicSpecs({ partitions: 1 }))
  const codec = createCodec({ registry: openLocalRegistry({ directory: join(data, 'schemas') }) })
  await codec.register()
  const platform = {
    config: configSchema.parse({
      systems: [
        {
          id: system,
          status_url: `http://${feed.address}${STATUS}`,
          information_url: `${server.url}/station_information.json`,
          weather: { lat: 48.85, lon: 2.35 },
        },
      ],
      ingest: { timeout_ms: 3_000, retries: 0, weather_url: `http://${weather.address}${WEATHER}` },
      forecast: { stale_minutes: STALE_MINUTES, withhold_minutes: WITHHOLD_MINUTES },
      monitor: { window_days: 1, reference_days: 7 },
    }),
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    log,
    codec,
    objects: await openLocalStore({ root: join(data, 'store') }),
    windows: openMemoryWindowStore(),
    lookUps: openMemoryLookUpStore(),
  } as unknown as Platform
  const polls: PollRecord[] = []
  const observations: Observation[] = []
  const reading = await consume({
    platform,
    service: 'test',
    group: 'integrity-feed',
    topics: [TOPICS.status],
    async batch({ records }) {
      for (const { decoded } of records) {
        if (decoded.name === 'PollRecord') polls.push(decoded.value)
        if (decoded.name === 'StationObservation') observations.push(decoded.value)
      }
    },
  })
  const services: Service[] = []
  const start = async (service: Service): Promise<void> => {
    services.unshift(service)
    await service.start()
  }
  const ingest = createIngestService({ ...platform, metrics: new Registry(), clock }, { random: () => 0.5 })
  // The poll's pause and the weather's.
  const done = async (): Promise<void> => {
    await clock.settled(2)
    await until('the poll is read', () => polls.at(-1)?.fetched_utc === clock.now())
  }
  await start(ingest)
  await done()
  return {
    platform,
    polls,
    observations,
    async nextPoll() {
      clock.advance(MINUTE_MS)
      await done()
    },
    start,
    async close() {
      for (const service of services) await service.close()
      await reading.close()
      await log.close()
    },
  }
}

const outcomeOf = ({ outcome, reason }: PollRecord): string =>
  reason === null ? outcome : `${outcome}: ${reason}`

describe('a feed', () => {
  const OUTCOMES: Record<string, string> = {
    refuse: 'failed: feed_unreachable',
    hang: 'failed: feed_timeout',
    reset: 'failed: feed_unreachable',
    slow: 'ok',
    cut: 'failed: feed_unreachable',
    'a status of 500': 'failed: feed_status',
    'a page instead of data': 'failed: feed_malformed',
    'data of another kind': 'failed: feed_malformed',
    'an empty city': 'failed: feed_no_stations',
    'the wrong content type': 'ok',
  }
  /** Long enough to be withheld; the first is far longer than the holes of the others, so it is one to be told of. */
  const pollsOf = (what: string): number => (what === 'refuse' ? 45 : WITHHOLD_MINUTES + 2)

  test('that refuses, hangs, breaks off or lies: polls say so, forecasts turn stale and then are withheld, it is an alert, and all is well with the next good answer', async () => {
    const system = 'feed'
    const own = await startRun(system)
    run = own
    const { platform, polls } = own
    const apart = (): Platform => ({ ...platform, metrics: new Registry() })
    const sink = createSinkService(apart())
    const monitor = createMonitorService(apart())
    await own.start(monitor)
    await own.start(sink)
    await own.start(createForecastService(apart()))
    await own.start(createWindowsService(apart()))
    const freshness = async (): Promise<string> => {
      await until('the poll has its forecast', async () => {
        const known = await platform.lookUps.system(system)
        return known?.fetched_utc === clock.now()
      })
      const { stale, withheld } = (await platform.lookUps.system(system))!
      return withheld ? 'withheld' : stale ? 'stale' : 'fresh'
    }
    const seen: Record<string, { outcomes: string[]; freshness: string[] }> = {}
    const expected: typeof seen = {}
    let answered = 1
    for (const [what, begin, end] of faultsOf(() => feed, STATUS)) {
      await begin()
      const turned: string[] = []
      const before = polls.length
      const count = pollsOf(what)
      for (let poll = 0; poll < count; poll++) {
        await own.nextPoll()
        turned.push(await freshness())
      }
      seen[what] = { outcomes: polls.slice(before).map(outcomeOf), freshness: turned }
      const well = OUTCOMES[what] === 'ok'
      answered += well ? count + 1 : 1
      expected[what] = {
        outcomes: new Array(count).fill(OUTCOMES[what]),
        freshness: Array.from({ length: count }, (_, poll) => {
          const minutes = poll + 1
          if (well || minutes <= STALE_MINUTES) return 'fresh'
          return minutes <= WITHHOLD_MINUTES ? 'stale' : 'withheld'
        }),
      }
      await end()
      await own.nextPoll()
      expect([outcomeOf(polls.at(-1)!), await freshness()], `after ${what}`).toEqual(['ok', 'fresh'])
    }
    expect(seen).toEqual(expected)
    expect(own.observations).toHaveLength(answered * STATIONS)
    for (const service of [sink, monitor]) await until(`${service.name} has all`, () => service.caughtUp())
    await sink.finish()
    await monitor.finish()
    const artefact = await platform.objects.get(`${system}/monitoring/data/health/latest/alerts.json`)
    const { alerts } = JSON.parse(String(artefact?.bytes)) as { alerts: { name: string }[] }
    expect(alerts.map(({ name }) => name)).toContain('missing_bins')
  }, 300_000)
})

describe('the weather', () => {
  test.each(
    faultsOf(() => weather, WEATHER).filter(([what]) => what !== 'slow' && what !== 'the wrong content type'),
  )(
    'that begins with %s: null in every observation, of which none is lost, and there once it is well',
    async (what, begin, end) => {
      await begin()
      const own = await startRun(`weather-${what.replaceAll(' ', '-')}`)
      run = own
      await own.nextPoll()
      await own.nextPoll()
      expect(own.polls.map(outcomeOf)).toEqual(['ok', 'ok', 'ok'])
      expect(own.observations).toHaveLength(3 * STATIONS)
      expect(new Set(own.observations.map(({ temp_C }) => temp_C))).toEqual(new Set([null]))
      await end()
      await until('the weather is there', async () => {
        await own.nextPoll()
        return own.observations.at(-1)?.temp_C === 9
      })
      expect(own.observations).toHaveLength(own.polls.length * STATIONS)
      expect(new Set(own.polls.map(outcomeOf))).toEqual(new Set(['ok']))
    },
    120_000,
  )
})
