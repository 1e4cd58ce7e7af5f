import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createIngestService, type IngestServiceOptions } from '../../services/ingest/service.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import type { ObjectStore } from '../../services/platform/object-store/port.ts'
import type { Service } from '../../services/platform/service.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { type FeedServer, sendJson, startFeedServer } from './feed-server.ts'
import { ManualClock } from './manual-clock.ts'
import { memoryStore, type RecordingPlatform, recordingPlatform } from './recording-platform.ts'

const NOW = Date.UTC(2024, 10, 5, 8, 0, 30)
let server: FeedServer
let clock: ManualClock
const running: Service[] = []

beforeEach(async () => {
  server = await startFeedServer()
  clock = new ManualClock(NOW)
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.close()))
  await server.close()
})

const status = (more: object = {}, bikes = 3) => ({
  last_updated: clock.now() / 1000,
  ttl: 60,
  version: '2.3',
  data: { stations: [{ station_id: 'a', num_bikes_available: bikes, num_docks_available: 7 }] },
  ...more,
})
const information = (ttl = 60) => ({
  last_updated: 1_700_000_000,
  ttl,
  data: { stations: [{ station_id: 'a', name: 'A', lat: 48, lon: 2, capacity: 10 }] },
})
const discovery = (names = ['station_status', 'station_information'], root = '') => ({
  last_updated: 1_700_000_000,
  ttl: 0,
  data: { en: { feeds: names.map((name) => ({ name, url: `${server.url}${root}/${name}.json` })) } },
})

function serveCity(root = ''): void {
  server.serve(`${root}/gbfs.json`, (_, response) => sendJson(response, discovery(undefined, root)))
  server.serve(`${root}/station_status.json`, (_, response) => sendJson(response, status()))
  server.serve(`${root}/station_information.json`, (_, response) => sendJson(response, information()))
}

const system = (id: string, more: object = {}) => ({ id, discovery_url: `${server.url}/gbfs.json`, ...more })

interface Running {
  platform: RecordingPlatform
  service: Service
}

async function start(
  options: {
    systems?: object[]
    objects?: ObjectStore
    ingest?: object
    service?: IngestServiceOptions
  } = {},
): Promise<Running> {
  const platform = await recordingPlatform({
    clock,
    ...(options.objects === undefined ? {} : { objects: options.objects }),
    config: {
      systems: options.systems ?? [system('city')],
      ingest: { timeout_ms: 300, retries: 1, weather_url: `${server.url}/weather`, ...options.ingest },
    },
  })
  const service = createIngestService(platform, { random: () => 0.5, ...options.service })
  running.push(service)
  await service.start()
  return { platform, service }
}

/** Lets time pass until the next poll is done. */
async function next(ms = 60_000, sleepers = 1): Promise<void> {
  clock.advance(ms)
  await clock.settled(sleepers)
}

const outcomes = async ({ platform }: Running) =>
  (await platform.polls()).map(({ outcome, reason }) => (reason === null ? outcome : `${outcome}: ${reason}`))

describe('a system', () => {
  test('is polled at its interval through discovery, its observations described', async () => {
    serveCity()
    const run = await start()
    await clock.settled()
    expect(clock.pauses()).toEqual([60_000])
    await next()
    expect(await outcomes(run)).toEqual(['ok', 'ok'])
    expect((await run.platform.observations())[0]).toMatchObject({
      name: 'A',
      capacity: 10,
      ts_utc: NOW,
      fetched_utc: NOW,
    })
    expect(run.platform.published.map(({ topic }) => topic)).toEqual([
      TOPICS.information,
      TOPICS.status,
      TOPICS.status,
    ])
    expect(run.service.health()).toEqual([
      { name: 'feed city', ok: true, detail: 'last poll ok, 1 stations' },
    ])
  })

  test('is polled by direct addresses without any discovery', async () => {
    serveCity()
    const run = await start({
      systems: [
        {
          id: 'city',
          status_url: `${server.url}/station_status.json`,
          information_url: `${server.url}/station_information.json`,
        },
      ],
    })
    await clock.settled()
    expect(await outcomes(run)).toEqual(['ok'])
    expect(server.count('/gbfs.json')).toBe(0)
  })

  test('with a longer ttl is polled by it, with one too long by its interval, which is said once', async () => {
    serveCity()
    server.serve('/station_status.json', (_, response) => sendJson(response, status({ ttl: 90 })))
    const run = await start()
    await clock.settled()
    expect(clock.pauses()).toEqual([90_000])
    server.serve('/station_status.json', (_, response) => sendJson(response, status({ ttl: 3600 })))
    await next(90_000)
    await next()
    expect(clock.pauses()).toEqual([60_000])
    expect(run.platform.lines.filter(({ msg }) => String(msg).startsWith('ttl of 3600 s'))).toHaveLength(1)
  })

  test('that answers 304 is polled on, without observations', async () => {
    serveCity()
    server.serve('/station_status.json', (request, response) => {
      if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end()
      else sendJson(response, status(), { etag: '"1"' })
    })
    const run = await start()
    await clock.settled()
    await next()
    expect(await outcomes(run)).toEqual(['ok', 'not_modified'])
    expect(await run.platform.observations()).toHaveLength(1)
  })

  test('whose published time and content stand still is unchanged', async () => {
    serveCity()
    server.serve('/station_status.json', status())
    const run = await start()
    await clock.settled()
    await next()
    expect(await outcomes(run)).toEqual(['ok', 'unchanged'])
  })

  test('asks for slow files by their own ttl', async () => {
    serveCity()
    server.serve('/station_information.json', (_, response) => sendJson(response, information(150)))
    await start()
    await clock.settled()
    for (let poll = 0; poll < 5; poll++) await next()
    expect(server.count('/station_status.json')).toBe(6)
    expect(server.count('/station_information.json')).toBe(2)
  })

  test('of GBFS 3.0 has its bikes split by the vehicle types it names', async () => {
    serveCity()
    server.serve('/gbfs.json', (_, response) =>
      sendJson(response, discovery(['station_status', 'station_information', 'vehicle_types'])),
    )
    server.serve('/vehicle_types.json', {
      version: '3.0',
      data: {
        vehicle_types: [{ vehicle_type_id: 'E', form_factor: 'bicycle', propulsion_type: 'electric_assist' }],
      },
    })
    const station = {
      station_id: 'a',
      num_vehicles_available: 4,
      vehicle_types_available: [{ vehicle_type_id: 'E', count: 4 }],
    }
    server.serve('/station_status.json', (_, response) =>
      sendJson(response, {
        last_updated: '2024-11-05T08:00:00Z',
        version: '3.0',
        data: { stations: [station] },
      }),
    )
    const run = await start()
    await clock.settled()
    expect(await run.platform.observations()).toMatchObject([{ bikes: 4, mechanical: 0, ebike: 4 }])
  })
})

describe('faults', () => {
  test('a 500 is tried again, and its poll is ok when that helps', async () => {
    serveCity()
    let failures = 1
    server.serve('/station_status.json', (_, response) => {
      if (failures-- > 0) response.writeHead(500).end()
      else sendJson(response, status())
    })
    const run = await start()
    await clock.settled()
    expect(clock.pauses()).toEqual([500])
    await next(500)
    expect(await outcomes(run)).toEqual(['ok'])
  })

  test('429 with a long Retry-After fails the poll and puts off the next', async () => {
    serveCity()
    server.serve('/station_status.json', (_, response) =>
      response.writeHead(429, { 'retry-after': '300' }).end(),
    )
    const run = await start()
    await clock.settled()
    expect(await outcomes(run)).toEqual(['failed: feed_status'])
    expect(clock.pauses()).toEqual([300_000])
    expect(run.service.health()[0]).toMatchObject({ ok: false })
  })

  test.each([
    ['feed_malformed', 'no JSON', '404 Not Found'],
    ['feed_malformed', 'another file', { data: { alerts: [] } }],
    ['feed_no_stations', 'no stations', { data: { stations: [] } }],
  ])('%s: %s gives a failed poll and the next one goes on', async (code, _, answer) => {
    serveCity()
    server.serve('/station_status.json', answer)
    const run = await start()
    await clock.settled()
    serveCity()
    await next()
    expect(await outcomes(run)).toEqual([`failed: ${code}`, 'ok'])
  })

  test('a discovery that breaks is survived by the last good one, and a changing one is followed', async () => {
    serveCity()
    const run = await start()
    await clock.settled()
    server.serve('/gbfs.json', '<html>maintenance</html>')
    await next()
    server.serve('/gbfs.json', { data: {} })
    await next()
    expect(await outcomes(run)).toEqual(['ok', 'ok', 'ok'])
    expect(run.platform.lines.some(({ msg }) => String(msg).includes('last good one is used on'))).toBe(true)
    serveCity('/v2')
    server.serve('/gbfs.json', (_, response) => sendJson(response, discovery(undefined, '/v2')))
    await next()
    expect(server.count('/v2/station_status.json')).toBe(1)
  })

  test('a discovery that never was good fails each poll until it is', async () => {
    const run = await start({ ingest: { retries: 0 } })
    await clock.settled()
    serveCity()
    await next()
    expect(await outcomes(run)).toEqual(['failed: feed_status', 'ok'])
  })

  test('a system without stations is refused with a clear reason', async () => {
    serveCity()
    server.serve('/gbfs.json', (_, response) => sendJson(response, discovery(['free_bike_status'])))
    const run = await start()
    await clock.settled()
    expect(await outcomes(run)).toEqual(['failed: feed_no_stations'])
    expect(run.service.health()[0]?.detail).toContain('without stations')
  })

  test('information that is down leaves null names, never a lost poll', async () => {
    serveCity()
    server.serve('/station_information.json', (_, response) => response.writeHead(404).end())
    const run = await start()
    await clock.settled()
    expect(await run.platform.observations()).toMatchObject([{ name: null, capacity: null, bikes: 3 }])
  })

  test('one system’s fault does not stop another', async () => {
    serveCity()
    server.serve('/hang.json', () => {})
    const run = await start({
      systems: [system('well'), { ...system('ill'), discovery_url: `${server.url}/hang.json` }],
      ingest: { retries: 0 },
    })
    await clock.settled(2)
    await next(60_000, 2)
    const polls = await run.platform.polls()
    expect(polls.filter((poll) => poll.system === 'well').map(({ outcome }) => outcome)).toEqual(['ok', 'ok'])
    expect(polls.filter((poll) => poll.system === 'ill').map(({ reason }) => reason)).toEqual([
      'feed_timeout',
      'feed_timeout',
    ])
  })

  test('a log that can’t be reached holds the poll and loses nothing', async () => {
    serveCity()
    const run = await start()
    run.platform.onPublish.fault = () => {
      throw new VelocastError({ code: 'log_unreachable', message: 'down', retryable: true })
    }
    await clock.settled()
    expect(clock.pauses()).toEqual([500])
    await next(500)
    run.platform.onPublish.fault = null
    await next(1000)
    expect(await run.platform.observations()).toMatchObject([{ fetched_utc: NOW, name: 'A' }])
    expect(server.count('/station_status.json')).toBe(1)
  })

  test('a log that refuses for good is a failure of the service', async () => {
    serveCity()
    const platform = await recordingPlatform({ clock, config: { systems: [system('city')] } })
    platform.onPublish.fault = () => {
      throw new VelocastError({ code: 'log_credentials', message: 'no' })
    }
    const service = createIngestService(platform)
    running.push(service)
    const failure = new Promise((resolve) => service.onFailure(resolve))
    await service.start()
    expect(await failure).toMatchObject({ code: 'log_credentials' })
  })
})

describe('a new process', () => {
  test('repeats neither poll nor information, and needs no discovery', async () => {
    serveCity()
    server.serve('/station_status.json', (request, response) => {
      if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end()
      else sendJson(response, status(), { etag: '"1"' })
    })
    const objects = memoryStore()
    const first = await start({ objects })
    await clock.settled()
    await first.service.drain(new AbortController().signal)
    server.serve('/gbfs.json', 'broken')
    const second = await start({ objects, ingest: { retries: 0 } })
    await clock.settled()
    expect(await outcomes(second)).toEqual(['not_modified'])
    expect(second.platform.published.map(({ topic }) => topic)).toEqual([TOPICS.status])
  })

  test('goes on with the names that the last one knew while information is down', async () => {
    serveCity()
    const objects = memoryStore()
    const first = await start({ objects })
    await clock.settled()
    await first.service.drain(new AbortController().signal)
    server.serve('/station_information.json', 'broken')
    clock.advance(60_000)
    const second = await start({ objects })
    await clock.settled()
    expect(await second.platform.observations()).toMatchObject([{ name: 'A', capacity: 10 }])
  })

  test('starts afresh from a ledger that it can’t read', async () => {
    serveCity()
    const objects = memoryStore()
    await objects.put('ledger/ingest/city/progress.json', Buffer.from('{"version":1'))
    const run = await start({ objects })
    await clock.settled()
    expect(await outcomes(run)).toEqual(['ok'])
  })
})

describe('stopping', () => {
  test('drain publishes the poll in flight and takes no other', async () => {
    serveCity()
    let answer: (() => void) | null = null
    const asked = new Promise<void>((resolve) => {
      server.serve('/station_status.json', (_, response) => {
        answer = () => sendJson(response, status())
        resolve()
      })
    })
    const run = await start({ ingest: { timeout_ms: 5000 } })
    await asked
    const drained = run.service.drain(new AbortController().signal)
    answer!()
    await drained
    expect(await outcomes(run)).toEqual(['ok'])
    expect(clock.pauses()).toEqual([])
  })

  test('a drain that is cut short cuts the request and records nothing of it', async () => {
    serveCity()
    const asked = new Promise<void>((resolve) => server.serve('/station_status.json', () => resolve()))
    const run = await start({ ingest: { timeout_ms: 60_000 } })
    await asked
    await run.service.drain(AbortSignal.abort())
    expect(await outcomes(run)).toEqual([])
  })
})

describe('weather', () => {
  const hourly = {
    utc_offset_seconds: 0,
    hourly_units: { time: 'iso8601', temperature_2m: '°C', precipitation: 'mm', wind_speed_10m: 'm/s' },
    hourly: { time: ['2024-11-05T08:00'], temperature_2m: [9], precipitation: [0], wind_speed_10m: [3] },
  }
  const withWeather = () => [system('city', { weather: { lat: 48.85, lon: 2.35 } })]

  test('comes with the first poll and is renewed at its own interval', async () => {
    serveCity()
    server.serve('/weather', hourly)
    const run = await start({ systems: withWeather() })
    await clock.settled(2)
    expect(clock.pauses()).toEqual([60_000, 900_000])
    expect(await run.platform.observations()).toMatchObject([{ temp_C: 9, wind_mps: 3, weather_issued: NOW }])
    expect(await run.platform.decoded(TOPICS.weather)).toMatchObject([
      { system: 'city', point: '48.85,2.35' },
    ])
  })

  test.each([
    [
      'weather_unreachable',
      (_: unknown, response: import('node:http').ServerResponse) => void response.writeHead(503).end(),
    ],
    ['weather_malformed', { error: true, reason: 'no such point' }],
    ['weather_malformed', 'Sorry'],
    ['weather_unit', { ...hourly, hourly_units: { ...hourly.hourly_units, wind_speed_10m: 'Bft' } }],
  ])('%s means null weather and a sooner try, never a lost poll', async (code, answer) => {
    serveCity()
    server.serve('/weather', answer)
    const run = await start({ systems: withWeather() })
    await clock.settled(2)
    expect(await run.platform.observations()).toMatchObject([{ temp_C: null, weather_hour: null, bikes: 3 }])
    expect(await run.platform.metrics.metrics()).toContain(
      `velocast_ingest_weather_total{system="city",outcome="${code}"} 1`,
    )
    server.serve('/weather', hourly)
    await next(60_000, 2)
    await next(60_000, 2)
    expect((await run.platform.observations()).at(-1)?.temp_C).toBe(9)
  })
})
