import { afterAll, beforeAll, expect, test } from 'vitest'
import { probeFeed, probeWeather } from '../../services/ingest/probe.ts'
import { configSchema } from '../../services/platform/config.ts'
import { type FeedServer, startFeedServer } from './feed-server.ts'

let server: FeedServer
beforeAll(async () => {
  server = await startFeedServer()
})
afterAll(() => server.close())

const probe = (path: string) => {
  const config = configSchema.parse({
    systems: [{ id: 'city', discovery_url: `${server.url}${path}`, weather: { lat: 1, lon: 2 } }],
    ingest: { weather_url: `${server.url}/weather` },
  })
  return { system: config.systems[0]!, config, timeoutMs: 300 }
}

test('a good feed is told with its version, stations and the ttl that is not obeyed', async () => {
  const feed = (name: string) => ({ name, url: `${server.url}/${name}.json` })
  server.serve('/gbfs.json', {
    data: { en: { feeds: [feed('station_status'), feed('station_information')] } },
  })
  server.serve('/station_information.json', {
    data: { stations: [{ station_id: 1, name: 'A', lat: 1, lon: 2, capacity: 3 }, { station_id: 2 }] },
  })
  server.serve('/station_status.json', {
    lastUpdatedOther: 1_730_793_600,
    ttl: 3600,
    data: { stations: [{ station_id: 1, num_bikes_available: 1 }, { station_id: 2 }] },
  })
  expect(await probeFeed(probe('/gbfs.json'))).toMatchObject({
    system: 'city',
    ok: true,
    reachable: true,
    status_url: `${server.url}/station_status.json`,
    version: '1.x',
    ttl_s: 3600,
    poll_seconds: 60,
    ttl_ignored: expect.stringContaining('3600'),
    stations: 1,
    refused: 1,
    described: 1,
    published_utc: 1_730_793_600_000,
    problem: null,
    remedy: null,
  })
})

test('a feed that is not there is told with its problem and the remedy, after one try', async () => {
  const { ok, code, problem, remedy } = await probeFeed(probe('/absent.json'))
  expect([ok, code]).toEqual([false, 'feed_status'])
  expect(problem).toContain('got 404')
  expect(remedy).toContain('browser')
  expect(server.count('/absent.json')).toBe(1)
})

test('weather is told by its hours, or by what is wrong', async () => {
  server.serve('/weather', {
    hourly_units: { time: 'iso8601', temperature_2m: '°C', precipitation: 'mm', wind_speed_10m: 'm/s' },
    hourly: { time: ['2024-11-05T08:00'], temperature_2m: [9], precipitation: [0], wind_speed_10m: [3] },
  })
  expect(await probeWeather(probe('/gbfs.json'))).toBe('1 hours until 2024-11-05T08:00:00.000Z')
  server.serve('/weather', { error: true, reason: 'no' })
  await expect(probeWeather(probe('/gbfs.json'))).rejects.toMatchObject({ code: 'weather_malformed' })
})
