import { afterEach, describe, expect, test } from 'vitest'
import { parseDiscovery } from '../../../services/domain/gbfs/discovery.ts'
import { parseInformation } from '../../../services/domain/gbfs/information.ts'
import { parseStatus } from '../../../services/domain/gbfs/status.ts'
import { parseVehicleTypes } from '../../../services/domain/gbfs/vehicle-types.ts'
import { parseOpenMeteo, weatherAddress } from '../../../services/domain/open-meteo.ts'
import { GBFS_VERSIONS } from '../../../services/ingest/simulator/gbfs-feed.ts'
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../../services/ingest/simulator/server.ts'

const MINUTE = 60_000
const start = Date.parse('2026-03-10T07:00:30Z')
const running: Simulator[] = []

async function simulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const started = await startSimulator({ seed: 3, stations: 25, start, speed: 0, ...options })
  running.push(started)
  return started
}

async function json(address: string): Promise<Record<string, unknown>> {
  const answer = await fetch(address)
  expect(answer.status).toBe(200)
  return (await answer.json()) as Record<string, unknown>
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((started) => started.close()))
})

describe('simulator', () => {
  test.each(GBFS_VERSIONS)('is found by auto-discovery and read whole as GBFS %s', async (version) => {
    const { discoveryUrl } = await simulator({ version })
    const discovery = parseDiscovery(await json(discoveryUrl))
    expect(discovery.version).toBe(version)
    const { stations } = parseInformation(await json(discovery.information_url))
    const types =
      discovery.vehicle_types_url && parseVehicleTypes(await json(discovery.vehicle_types_url)).types
    const status = parseStatus(
      await json(discovery.status_url),
      types instanceof Map ? { vehicleTypes: types } : {},
    )
    expect(stations).toHaveLength(25)
    expect(status).toMatchObject({
      published_utc: start - 30_000,
      ttl_s: 1,
      version,
      refused: [],
      simulated: true,
    })
    expect(status.stations.map(({ station_id }) => station_id)).toEqual(
      stations.map(({ station_id }) => station_id),
    )
    expect(status.stations.some(({ ebike }) => ebike > 0)).toBe(true)
  })

  test.each(GBFS_VERSIONS)('says in %s that it is SIMULATED', async (version) => {
    const { url } = await simulator({ version })
    const { data } = await json(`${url}/system_information.json`)
    expect(JSON.stringify(data)).toContain('SIMULATED')
    expect(data).toMatchObject({ simulated: true, timezone: 'Europe/Paris' })
  })

  test('answers 304 to its own ETag and Last-Modified until the next minute', async () => {
    const city = await simulator()
    const address = `${city.url}/station_status.json`
    const first = await fetch(address)
    const etag = first.headers.get('etag')!
    const modified = first.headers.get('last-modified')!
    expect(modified).toBe('Tue, 10 Mar 2026 07:00:00 GMT')
    const again = (headers: Record<string, string>): Promise<number> =>
      fetch(address, { headers }).then(({ status }) => status)
    expect(await again({ 'if-none-match': etag })).toBe(304)
    expect(await again({ 'if-none-match': `"other", W/${etag}` })).toBe(304)
    expect(await again({ 'if-none-match': '"other"', 'if-modified-since': modified })).toBe(200)
    expect(await again({ 'if-modified-since': modified })).toBe(304)
    city.advance(MINUTE)
    expect(await again({ 'if-none-match': etag })).toBe(200)
    expect(await again({ 'if-modified-since': modified })).toBe(200)
  })

  test('follows its clock at its speed, and can be moved by hand over HTTP', async () => {
    let wall = 1_000
    const clock = { now: () => wall, sleep: async () => undefined }
    const city = await simulator({ clock, speed: 60 })
    wall += 2_000
    expect(city.now()).toBe(start + 2 * MINUTE)
    const moved = await fetch(`${city.url}/admin/clock`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ advance_ms: 3 * MINUTE }),
    })
    expect(await moved.json()).toEqual({ now: start + 5 * MINUTE })
    const status = parseStatus(await json(`${city.url}/station_status.json`))
    expect(status.published_utc).toBe(start - 30_000 + 5 * MINUTE)
  })

  test.each([
    [1, 60],
    [0.5, 60],
    [30, 2],
    [600, 1],
    [0, 1],
  ])('at speed %d states a time to live of %d s, those of its reader', async (speed, seconds) => {
    const city = await simulator({ speed, clock: { now: () => 0, sleep: async () => undefined } })
    expect(parseStatus(await json(`${city.url}/station_status.json`)).ttl_s).toBe(seconds)
  })

  test('shows the same city as another of the same seed that was polled otherwise', async () => {
    const often = await simulator()
    const seldom = await simulator()
    for (let minute = 0; minute < 30; minute++) {
      often.advance(MINUTE)
      await json(`${often.url}/station_status.json`)
    }
    seldom.advance(30 * MINUTE)
    expect(await json(`${seldom.url}/station_status.json`)).toEqual(
      await json(`${often.url}/station_status.json`),
    )
  })

  test('serves weather as Open-Meteo does, in the unit asked for, and says which', async () => {
    const { weatherUrl } = await simulator()
    const asked = weatherAddress({ base: weatherUrl, lat: 48.8566, lon: 2.3522 })
    const body = await json(asked)
    expect(body.hourly_units).toMatchObject({ wind_speed_10m: 'm/s', temperature_2m: '°C' })
    const report = parseOpenMeteo({ json: body, system: 'city', point: 'p', issuedUtc: start })
    expect(report.hours).toHaveLength(96)
    const kmh = parseOpenMeteo({
      json: await json(asked.replace('wind_speed_unit=ms', 'wind_speed_unit=kmh')),
      system: 'city',
      point: 'p',
      issuedUtc: start,
    })
    report.hours.forEach(({ wind_mps }, place) => {
      expect(Math.abs(kmh.hours[place]!.wind_mps! - wind_mps!)).toBeLessThan(0.01)
    })
    const refused = await fetch(`${weatherUrl}?latitude=91&longitude=0`)
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ error: true })
  })

  test('has faults injected and cleared, by call and over HTTP', async () => {
    const city = await simulator({ faults: [{ kind: 'error' }] })
    const address = `${city.url}/station_status.json`
    expect((await fetch(address)).status).toBe(500)
    city.clearFaults()
    expect((await fetch(address)).status).toBe(200)

    const admin = (method: string, body?: unknown): Promise<Response> =>
      fetch(`${city.url}/admin/faults`, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      })
    expect((await admin('POST', { kind: 'stale' })).status).toBe(201)
    const before = await json(address)
    city.advance(10 * MINUTE)
    expect(await json(address)).toEqual(before)
    expect(await (await admin('GET')).json()).toMatchObject({
      faults: [{ kind: 'stale', from: start - 30_000 }],
    })
    expect((await admin('DELETE')).status).toBe(204)
    expect(await json(address)).not.toEqual(before)

    city.inject({ kind: 'missing' })
    await expect(fetch(address)).rejects.toThrow()
    const refused = await admin('POST', { kind: 'meteor' })
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ code: 'request_invalid' })
    expect(() => city.inject({ kind: 'late', minutes: 0 })).toThrow(/minutes/)
  })

  test.each([0, 1, 100_001, 2.5])('refuses a city of %d stations by that number', async (stations) => {
    await expect(startSimulator({ stations })).rejects.toMatchObject({
      code: 'request_invalid',
      message: expect.stringContaining(String(stations)),
    })
  })

  test('refuses a port that is taken with its code', async () => {
    const { url } = await simulator()
    await expect(simulator({ port: Number(new URL(url).port) })).rejects.toMatchObject({
      code: 'port_in_use',
    })
  })
})
