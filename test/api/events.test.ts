import { afterEach, expect, test } from 'vitest'
import { openMemoryLookUpStore } from '../../services/platform/look-up-store/memory.ts'
import { type RunningApi, startApi } from './api.ts'
import { BIN, buildCity, CITY } from './built-city.ts'
import { ControllableClock, settled } from './controllable-clock.ts'
import { EventStreamClient } from './event-stream.ts'

const PATH = `/v1/systems/${CITY}/events`
const open: { api?: RunningApi; clients: EventStreamClient[] } = { clients: [] }

afterEach(async () => {
  for (const client of open.clients.splice(0)) client.close()
  await open.api?.api.close()
})

async function start(options: Parameters<typeof startApi>[0] = {}) {
  const clock = new ControllableClock(BIN + 10_000)
  let reads = 0
  const store = openMemoryLookUpStore({ clock })
  const lookUps = {
    ...store,
    system: (id: string) => {
      reads += 1
      return store.system(id)
    },
  }
  const running = await startApi({ clock, lookUps, ...options })
  open.api = running
  const listen = (path = PATH): EventStreamClient => {
    const client = new EventStreamClient(running.api.url + path)
    open.clients.push(client)
    return client
  }
  return { running, clock, listen, lookUps, reads: () => reads }
}

/** Lets time pass until the condition holds: one second a turn. */
async function passUntil(clock: ControllableClock, condition: () => boolean): Promise<void> {
  for (let second = 0; second < 200 && !condition(); second += 1) {
    await clock.pass(1000)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(condition()).toBe(true)
}

test('a listener gets the whole state, then what each publish changed', async () => {
  const { running, clock, listen } = await start()
  const first = buildCity({ stations: 40 })
  await running.lookUps.publish(first)
  const client = listen()
  await client.until(() => client.updates.length === 1)
  expect(client.headers['content-type']).toBe('text/event-stream; charset=utf-8')
  expect(client.updates[0]).toMatchObject({
    full: true,
    sequence: 1,
    name: 'River City',
    timezone: 'Europe/Paris',
    stale_after_s: 600,
    state: { stations: 40, horizons: [15, 60] },
  })
  expect(client.updates[0]?.rows).toHaveLength(40)
  expect(client.events[0]?.id).toBe('1')

  const rows = structuredClone(first.rows)
  const changed = rows[3]
  if (changed === undefined) throw new Error('the city has a fourth station')
  changed.bikes = 99
  const fetched_utc = first.system.fetched_utc + 60_000
  await running.lookUps.publish({ ...first, system: { ...first.system, fetched_utc }, rows })
  await passUntil(clock, () => client.updates.length === 2)
  expect(client.updates[1]).toMatchObject({ full: false, sequence: 2, removed: [], state: { fetched_utc } })
  expect(client.updates[1]?.rows.map(([id]) => id)).toEqual([changed.station_id])
})

test('a system without a poll is waited for', async () => {
  const { running, clock, listen } = await start()
  const client = listen()
  await client.until(() => client.updates.length === 1)
  expect(client.updates[0]).toMatchObject({
    full: true,
    sequence: null,
    state: null,
    rows: [],
    name: 'River City',
  })
  await running.lookUps.publish(buildCity({ stations: 5 }))
  await passUntil(clock, () => client.updates.length === 2)
  expect(client.updates[1]).toMatchObject({ full: true, sequence: 1 })
  expect(client.updates[1]?.rows).toHaveLength(5)
})

test('heartbeats come while nothing changes, and say when the look-ups cannot be read', async () => {
  const { running, clock, listen, lookUps } = await start()
  await running.lookUps.publish(buildCity({ stations: 2 }))
  const client = listen()
  const beats = () => client.events.filter(({ name }) => name === 'heartbeat').map(({ data }) => data)
  await client.until(() => beats().length === 1)
  expect(beats()[0]).toEqual({ now_utc: BIN + 10_000, look_ups: 'ok' })
  lookUps.system = () => Promise.reject(new Error('redis is away'))
  await passUntil(clock, () => beats().length === 2)
  expect(beats()[1]).toMatchObject({ look_ups: 'unreachable' })
  expect(client.updates).toHaveLength(1)
})

test('a system is read once a second for all its listeners, and not at all without one', async () => {
  const { clock, listen, reads } = await start()
  await clock.pass(60_000)
  expect(reads()).toBe(0)
  const clients = [listen(), listen(), listen()]
  for (const client of clients) await client.until(() => client.updates.length === 1)
  const before = reads()
  await clock.pass(10_000)
  expect(reads() - before).toBe(10)
  for (const client of clients) client.close()
  await passUntil(clock, () => clock.sleepers === 0)
  const after = reads()
  await clock.pass(10_000)
  expect(reads()).toBe(after)
})

test('listeners are bounded: one too many is refused with a code, and may come when another has gone', async () => {
  const { running, clock, listen } = await start({ maxListeners: 2 })
  const kept = listen()
  const leaving = listen()
  for (const client of [kept, leaving]) await client.until(() => client.updates.length === 1)
  const { status, body, headers } = await running.get(PATH)
  expect([status, body]).toEqual([
    503,
    {
      error: {
        code: 'listeners_full',
        message: 'event streams are all taken, try again later or another replica: 2',
      },
    },
  ])
  expect(headers.get('retry-after')).toBe('5')
  leaving.close()
  const metrics = async () => (await running.get('/metrics')).text
  while (!(await metrics()).includes('velocast_event_stream_listeners 1')) await settled()
  const next = listen()
  await next.until(() => next.updates.length === 1)
  await clock.pass(1000)
})

test('a client that does not read is dropped and counted; the others go on', async () => {
  const { running, clock, listen } = await start()
  let sequence = 0
  /** Each publish is an event of about a megabyte: more than sockets hold after a few. */
  const publish = () => {
    const city = buildCity({ stations: 300, seed: ++sequence, ts: BIN + sequence * 1000 })
    for (const row of city.rows) row.name = `${sequence}`.padEnd(3500, 'x')
    return running.lookUps.publish(city)
  }
  await publish()
  const reader = listen()
  await reader.until(() => reader.updates.length === 1)
  const { connect } = await import('node:net')
  const { hostname, port } = new URL(running.api.url)
  const sleeper = connect(Number(port), hostname)
  sleeper.pause()
  sleeper.write(`GET ${PATH} HTTP/1.1\r\nhost: x\r\n\r\n`)
  sleeper.on('error', () => undefined)
  const dropped = async (): Promise<boolean> =>
    (await running.get('/metrics')).text.includes('velocast_event_stream_dropped_total 1')
  for (let turn = 0; turn < 60 && !(await dropped()); turn += 1) {
    if (turn < 25) await publish()
    await clock.pass(1000)
  }
  expect(await dropped()).toBe(true)
  expect(reader.ended).toBe(false)
  const seen = reader.updates.length
  await publish()
  await passUntil(clock, () => reader.updates.length > seen)
  sleeper.destroy()
}, 60_000)

test('draining ends every stream, and close leaves nothing asleep', async () => {
  const { running, clock, listen } = await start()
  const clients = [listen(), listen()]
  for (const client of clients) await client.until(() => client.updates.length === 1)
  await running.api.drain(new AbortController().signal)
  for (const client of clients) await client.until(() => client.ended)
  expect(clock.sleepers).toBe(0)
  await expect(fetch(`${running.api.url}/livez`)).rejects.toThrow()
})
