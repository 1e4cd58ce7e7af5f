import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { SLOT_BYTES, type SlotWrites } from '../../services/domain/window.ts'
import { openRedisWindowStore } from '../../services/platform/window-store/redis.ts'
import { type RedisServer, startRedis } from '../stack/redis.ts'
import { startToxiproxy, type Toxiproxy } from '../stack/toxiproxy.ts'
import { UnavailableError } from '../stack/unavailable.ts'

const PATIENCE = { timeout: 60_000, interval: 100 }
const SYSTEM = 'town'
const ids = ['a', 'b', 'c']
const ending: (() => unknown)[] = []

afterAll(async () => {
  for (const end of ending.reverse()) await end()
})

/** A replica that follows a primary, and a store that reaches the primary over a wire; null where they can't be had. */
async function startPair() {
  let servers: [RedisServer, RedisServer, Toxiproxy]
  try {
    servers = await Promise.all([startRedis(), startRedis(), startToxiproxy()])
  } catch (error) {
    if (error instanceof UnavailableError && !process.env.CI) return null
    throw error
  }
  ending.push(...servers.map((server) => () => server.stop()))
  const [primary, replica, toxiproxy] = servers
  const wire = await toxiproxy.proxy({ name: 'redis', upstream: `127.0.0.1:${primary.port}` })
  const store = openRedisWindowStore({
    url: `redis://${wire.address}`,
    ttlMs: 60_000,
    logger: pino({ level: 'silent' }),
  })
  const promoted = new Redis(replica.url)
  ending.push(
    () => store.close(),
    () => promoted.disconnect(),
  )
  const owner = { system: SYSTEM, epoch: await store.claim(SYSTEM), newestBin: 1 }
  await store.restore({ ...owner, rings: ringsOf(1) })
  await promoted.replicaof('127.0.0.1', primary.port)
  const known = () => promoted.exists(`velocast:{${SYSTEM}}:window:a`)
  await vi.waitFor(async () => expect(await known()).toBe(1), PATIENCE)
  await promoted.replicaof('NO', 'ONE')
  // Of this the promoted one knows nothing.
  expect(await store.write({ ...owner, writes: writesOf(2) })).toEqual({ missing: [] })
  return { primary, store, owner, wire, failOver: () => wire.redirect(`127.0.0.1:${replica.port}`) }
}

function ringsOf(fill: number): Map<string, Buffer> {
  return new Map(ids.map((id) => [id, Buffer.alloc(3504, fill)]))
}

function writesOf(fill: number): SlotWrites {
  return {
    stationIds: ids,
    indexes: new Uint8Array(ids.length),
    slots: Buffer.alloc(ids.length * SLOT_BYTES, fill),
  }
}

/** Guards against a window that a promoted replica holds without its last slots, and that looks whole. */
describe('a failover that lost writes', () => {
  const none = 'no Redis or no Toxiproxy could be started here'

  test('between two writes, of which none failed, is told by the second, and then all is there', async (context) => {
    const pair = await startPair()
    if (pair === null) return context.skip(none)
    const { primary, store, owner, failOver } = pair
    await primary.kill()
    await failOver()
    // The connection was lost, and the client makes it again by itself; no write has failed.
    await vi.waitFor(() => store.read(SYSTEM, ids), PATIENCE)
    expect(await store.write({ ...owner, writes: writesOf(3) })).toEqual({ missing: ids })
    await store.restore({ ...owner, rings: ringsOf(3) })
    expect(await store.load(SYSTEM)).toEqual(ringsOf(3))
    expect(await store.write({ ...owner, writes: writesOf(3) })).toEqual({ missing: [] })
  })

  test('and of which a write failed is mended by whole windows', async (context) => {
    const pair = await startPair()
    if (pair === null) return context.skip(none)
    const { primary, store, owner, wire, failOver } = pair
    await wire.fail('refuse')
    await primary.kill()
    await expect(store.write({ ...owner, writes: writesOf(3) })).rejects.toMatchObject({
      code: 'window_store_unreachable',
      retryable: true,
    })
    await failOver()
    await vi.waitFor(() => store.restore({ ...owner, rings: ringsOf(3) }), PATIENCE)
    expect(await store.load(SYSTEM)).toEqual(ringsOf(3))
    expect(await store.write({ ...owner, writes: writesOf(3) })).toEqual({ missing: [] })
  })
})
