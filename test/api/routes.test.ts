import { afterAll, beforeAll, expect, test } from 'vitest'
import { VelocastError } from '../../services/platform/errors.ts'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import { type RunningApi, startApi } from './api.ts'
import { BIN, buildCity, CITY } from './built-city.ts'
import { ControllableClock } from './controllable-clock.ts'

const SYSTEM = `/v1/systems/${CITY}`
const clock = new ControllableClock(BIN + 10_000)
const city = buildCity()
let running: RunningApi

beforeAll(async () => {
  running = await startApi({
    clock,
    objects: {
      [`${CITY}/serving/forecast/h15/latest.json`]: '{"horizon_min":15,"data":[]}',
      [`${CITY}/monitoring/data/freshness/latest/freshness.json`]: '{"age_min":3}',
      [`${CITY}/bronze/secret.json`]: '{"secret":true}',
    },
    systems: [
      { id: CITY, name: 'River City', timezone: 'Europe/Paris', discovery_url: 'http://127.0.0.1/gbfs.json' },
      { id: 'unpolled', discovery_url: 'http://127.0.0.1/gbfs.json' },
    ],
  })
  await running.lookUps.publish(city)
  await running.lookUps.publish(
    buildCity({ system: 'elsewhere', stations: 3, source: 'replay', ts: BIN - 1e9 }),
  )
})
afterAll(() => running.api.close())

test('systems are those configured, polled or not, then those that others published', async () => {
  const { body, status } = await running.get('/v1/systems')
  expect(status).toBe(200)
  expect(body).toMatchObject({
    systems: [
      { system: CITY, name: 'River City', timezone: 'Europe/Paris', state: { stations: 300, stale: false } },
      { system: 'unpolled', name: null, timezone: 'UTC', state: null },
      { system: 'elsewhere', name: null, state: { source: 'replay' } },
    ],
  })
})

test('a system is answered as it was published', async () => {
  const { body } = await running.get(SYSTEM)
  expect(body).toEqual({ ...city.system, sequence: 1 })
})

test('stations are every station without its forecast, sorted by id', async () => {
  const { body } = await running.get(`${SYSTEM}/stations`)
  const { stations } = body as { stations: Record<string, unknown>[] }
  expect(stations).toEqual(city.rows.map(({ forecast: _, ...now }) => now))
})

test('one station comes with its forecast', async () => {
  const { body } = await running.get(`${SYSTEM}/stations/1007`)
  expect(body).toEqual(city.rows[7])
})

test('forecasts are of every horizon, or of the one that is asked for', async () => {
  const all = (await running.get(`${SYSTEM}/forecasts`)).body as { horizons: number[]; forecasts: unknown[] }
  expect(all.horizons).toEqual([15, 60])
  expect(all.forecasts).toEqual(city.rows.map(({ forecast }) => forecast))
  const one = (await running.get(`${SYSTEM}/forecasts?horizon=15`)).body as typeof all
  expect(one.horizons).toEqual([15])
  expect(one.forecasts).toEqual(
    city.rows.map(({ forecast }) => ({
      ...forecast,
      horizons: forecast?.horizons.filter(({ horizon_min }) => horizon_min === 15),
    })),
  )
})

test.each([
  ['/v1/systems/nowhere', 404, 'not_found', 'system is not known, /v1/systems lists them all: nowhere'],
  [
    '/v1/systems/nowhere/events',
    404,
    'not_found',
    'system is not known, /v1/systems lists them all: nowhere',
  ],
  [
    '/v1/systems/unpolled',
    404,
    'not_found',
    'system has no data yet, ask again after its first poll: unpolled',
  ],
  [
    `${SYSTEM}/stations/99`,
    404,
    'not_found',
    `station is not known in ${CITY}, its stations route lists them all: 99`,
  ],
  [`${SYSTEM}/forecasts?horizon=x`, 400, 'request_invalid', 'query horizon must be integer: x'],
  [
    `${SYSTEM}/forecasts?horizon=30`,
    400,
    'request_invalid',
    `query horizon is not forecast for ${CITY}, take one of 15, 60: 30`,
  ],
  [
    `${SYSTEM}/forecasts?hours=1`,
    400,
    'request_invalid',
    'query parameter is not known, /openapi.json lists them: hours',
  ],
  [
    '/v1/systems/UPPER',
    400,
    'request_invalid',
    'path system must match pattern "^[a-z0-9][a-z0-9-]{0,62}$": UPPER',
  ],
  [
    `${SYSTEM}/serving/forecast/h60/latest.json`,
    404,
    'not_found',
    `artefact is not there, it may not have been written yet: ${CITY}/serving/forecast/h60/latest.json`,
  ],
  ['/v1/%E0%A4%A', 400, 'request_invalid', "'/v1/%E0%A4%A' is not a valid url component"],
])('%s is refused with %i %s', async (path, status, code, message) => {
  const answer = await running.get(path)
  expect([answer.status, answer.body]).toEqual([status, { error: { code, message } }])
  expect(answer.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/)
})

test('a forecast that is no longer valid is not given, but stays in a replay', async () => {
  const later = await startApi({
    clock: new ControllableClock(BIN + 3 * 3_600_000),
    lookUps: running.lookUps,
  })
  const station = (await later.get(`${SYSTEM}/stations/1007`)).body as { forecast: unknown; bikes: number }
  expect(station.forecast).toBeNull()
  expect(station.bikes).toBe(city.rows[7]?.bikes)
  expect((await later.get(`${SYSTEM}/forecasts`)).body).toMatchObject({ forecasts: [] })
  const replayed = (await later.get('/v1/systems/elsewhere/forecasts')).body as { forecasts: unknown[] }
  expect(replayed.forecasts).toHaveLength(3)
  await later.api.close()
})

test('every answer under /v1 has a strong tag, and the second time nothing is sent', async () => {
  for (const path of [
    '/v1/systems',
    `${SYSTEM}/forecasts`,
    `${SYSTEM}/serving/forecast/h15/latest.json`,
    '/openapi.json',
  ]) {
    const first = await running.get(path)
    const etag = first.headers.get('etag') ?? ''
    expect(etag, path).toMatch(/^"[\w-]{32}"$/)
    const second = await running.get(path, { headers: { 'if-none-match': etag } })
    expect([second.status, second.text], path).toEqual([304, ''])
  }
})

test('artefacts are answered byte for byte with their cache time', async () => {
  const forecast = await running.get(`${SYSTEM}/serving/forecast/h15/latest.json`)
  expect(forecast.text).toBe('{"horizon_min":15,"data":[]}')
  expect(forecast.headers.get('cache-control')).toBe('public, max-age=60')
  const freshness = await running.get(`${SYSTEM}/monitoring/data/freshness/latest/freshness.json`)
  expect(freshness.text).toBe('{"age_min":3}')
  expect(freshness.headers.get('cache-control')).toBe('public, max-age=30')
})

test('an outage of the look-ups is a 503 that asks to come again, and is over when it is over', async () => {
  const working = openMemoryLookUpStore({ clock })
  let away = true
  const refuse = async (): Promise<never> => {
    throw new VelocastError({
      code: 'look_up_store_unreachable',
      message: 'redis cannot be reached: r:1',
      retryable: true,
    })
  }
  const lookUps = {
    ...working,
    systems: () => (away ? refuse() : working.systems()),
    system: (id: string) => (away ? refuse() : working.system(id)),
  }
  const other = await startApi({ clock, lookUps })
  const refused = await other.get(SYSTEM)
  expect([refused.status, refused.body]).toEqual([
    503,
    { error: { code: 'look_up_store_unreachable', message: 'redis cannot be reached: r:1' } },
  ])
  expect(refused.headers.get('retry-after')).toBe('5')
  expect((await other.get('/readyz')).status).toBe(503)
  expect((await other.get('/livez')).status).toBe(200)
  away = false
  expect((await other.get('/readyz')).status).toBe(200)
  await other.api.close()
})

test('probes list the checks of every service of the process', async () => {
  const other = await startApi({
    clock,
    services: () => [{ name: 'sink', health: () => [{ name: 'store', ok: false, detail: 'disk is full' }] }],
  })
  const { status, body } = await other.get('/readyz')
  expect(status).toBe(503)
  expect(body).toMatchObject({
    status: 'unavailable',
    checks: expect.arrayContaining([
      { service: 'api', name: 'look_ups', ok: true, detail: 'the last read succeeded' },
      { service: 'sink', name: 'store', ok: false, detail: 'disk is full' },
    ]),
  })
  await other.api.close()
})

test('the stations of a system are read once a publish, however many ask', async () => {
  const working = openMemoryLookUpStore({ clock })
  await working.publish(buildCity({ stations: 2 }))
  let reads = 0
  const lookUps = {
    ...working,
    stations: (id: string) => {
      reads += 1
      return working.stations(id)
    },
  }
  const other = await startApi({ clock, lookUps })
  await Promise.all(Array.from({ length: 20 }, () => other.get(`${SYSTEM}/stations`)))
  expect(reads).toBe(1)
  await working.publish(buildCity({ stations: 2, ts: BIN + 60_000 }))
  await other.get(`${SYSTEM}/stations`)
  expect(reads).toBe(2)
  await other.api.close()
})

test('the page loads nothing from elsewhere, and its scripts are JavaScript', async () => {
  const page = await running.get('/')
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  const files = [...page.text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, file]) => file ?? '')
  expect(files.length).toBeGreaterThan(5)
  for (const file of files) {
    expect(file).toMatch(/^\//)
    expect((await running.get(file)).status, file).toBe(200)
  }
  expect((await running.get('/domain/levels.ts')).text).toContain('export function levelOf(')
  expect((await running.get('/domain/bin.ts')).status).toBe(404)
  const script = await running.get('/page/page.mts')
  expect(script.headers.get('content-type')).toContain('text/javascript')
  expect(script.text).not.toContain('interface SystemEntry')
})
