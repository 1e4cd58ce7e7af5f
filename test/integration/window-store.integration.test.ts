import { Redis } from 'ioredis'
import { pino } from 'pino'
import { describe, expect, inject, test } from 'vitest'
import { openRedisWindowStore } from '../../services/platform/window-store/redis.ts'
import { describeWindowStore } from '../platform/window-store.conformance.ts'

const TTL_MS = 60_000
const logger = pino({ level: 'silent' })
const url = inject('redisUrl') ?? ''
const withRedis = describe.skipIf(url === '')

const open = () => openRedisWindowStore({ url, ttlMs: TTL_MS, logger })

/** Deletes the keys of this file's systems only: other files use the same server. */
async function empty(redis: Redis): Promise<void> {
  const keys = await redis.keys(`velocast:{town-${process.pid}-*`)
  if (keys.length > 0) await redis.del(keys)
}

withRedis('where a Redis server can be had', () => {
  describeWindowStore('redis', async () => {
    const store = open()
    const redis = new Redis(url)
    return {
      store,
      empty: () => empty(redis),
      async close() {
        await store.close()
        await empty(redis)
        redis.disconnect()
      },
    }
  })

  describe('window store on redis', () => {
    test('every key but the epoch has a time to live, and a write refreshes it', async () => {
      const store = open()
      const redis = new Redis(url)
      const system = `town-${process.pid}-ttl`
      try {
        const epoch = await store.claim(system)
        await store.restore({ system, epoch, newestBin: 1, rings: new Map([['a', Buffer.alloc(3504)]]) })
        const keys = ['window:a', 'window-newest', 'window-stations', 'window-writes'].map(
          (key) => `velocast:{${system}}:${key}`,
        )
        for (const key of keys) await redis.pexpire(key, 1_000)
        await store.write({
          system,
          epoch,
          newestBin: 1,
          writes: { stationIds: ['a'], indexes: Uint8Array.of(0), slots: Buffer.alloc(48) },
        })
        for (const key of keys) {
          expect(await redis.pttl(key)).toBeGreaterThan(30_000)
          expect(await redis.pttl(key)).toBeLessThanOrEqual(TTL_MS)
        }
        expect(await redis.pttl(`velocast:{${system}}:window-epoch`)).toBe(-1)
      } finally {
        await store.close()
        await empty(redis)
        redis.disconnect()
      }
    })

    test('a write after others were lost, or after the list of stations was, reports every station missing', async () => {
      const store = open()
      const redis = new Redis(url)
      const system = `town-${process.pid}-lost`
      const keyOf = (key: string) => `velocast:{${system}}:${key}`
      try {
        const epoch = await store.claim(system)
        const owner = { system, epoch, newestBin: 1 }
        const rings = new Map(['a', 'b'].map((id) => [id, Buffer.alloc(3504)]))
        await store.restore({ ...owner, rings })
        const writes = { stationIds: ['a', 'b'], indexes: new Uint8Array(2), slots: Buffer.alloc(96, 1) }
        expect(await store.write({ ...owner, writes })).toEqual({ missing: [] })
        const before = (await redis.get(keyOf('window-writes')))!
        expect(await store.write({ ...owner, writes })).toEqual({ missing: [] })
        // As a replica has it that was promoted before the last write came to it.
        await redis.set(keyOf('window-writes'), before)
        expect(await store.write({ ...owner, writes })).toEqual({ missing: ['a', 'b'] })
        await store.restore({ ...owner, rings })
        expect(await store.write({ ...owner, writes })).toEqual({ missing: [] })
        await redis.set(keyOf('window-writes'), before)
        await expect(store.restore({ ...owner, rings })).rejects.toMatchObject({
          code: 'window_store_unreachable',
          retryable: true,
        })
        await store.restore({ ...owner, rings })
        for (const evicted of ['window-stations', 'window-writes']) {
          await redis.del(keyOf(evicted))
          expect(await store.write({ ...owner, writes })).toEqual({ missing: ['a', 'b'] })
          await store.restore({ ...owner, rings })
          expect(await store.load(system)).toEqual(rings)
        }
      } finally {
        await store.close()
        await empty(redis)
        redis.disconnect()
      }
    })

    test('a server that is not there is window_store_unreachable, retryable, and names the address but no password', async () => {
      const store = openRedisWindowStore({ url: 'redis://user:hidden@127.0.0.1:1', ttlMs: TTL_MS, logger })
      try {
        const failed = store.read('nowhere', ['a'])
        await expect(failed).rejects.toMatchObject({ code: 'window_store_unreachable', retryable: true })
        await expect(failed).rejects.toThrow(/127\.0\.0\.1:1$/)
        await expect(failed).rejects.not.toThrow(/hidden/)
      } finally {
        await store.close()
      }
    })

    test('a connection that is cut is made again by itself', async () => {
      const store = open()
      const redis = new Redis(url)
      try {
        await store.claim(`town-${process.pid}-cut`)
        const clients = String(await redis.client('LIST'))
        const ids = [...clients.matchAll(/^id=(\d+) .*name=velocast-window-store .*cmd=eval/gm)].map(
          ([, id]) => id!,
        )
        expect(ids.length).toBeGreaterThan(0)
        for (const id of ids) await redis.call('CLIENT', 'KILL', 'ID', id)
        const load = () => store.load(`town-${process.pid}-cut`)
        // Until the client notices, calls fail, retryable; then it connects again and they succeed.
        let loaded: Map<string, Buffer> | undefined
        while (loaded === undefined) {
          loaded = await load().catch((error) => {
            expect(error).toMatchObject({ code: 'window_store_unreachable', retryable: true })
            return new Promise<undefined>((resolve) => setImmediate(resolve, undefined))
          })
        }
        expect(loaded).toEqual(new Map())
      } finally {
        await store.close()
        await empty(redis)
        redis.disconnect()
      }
    })
  })
})
