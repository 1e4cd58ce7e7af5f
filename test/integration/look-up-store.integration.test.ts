import { Redis } from 'ioredis'
import { pino } from 'pino'
import { describe, expect, inject, test } from 'vitest'
import { openRedisLookUpStore } from '../../services/platform/look-up-store/redis.ts'
import { describeLookUpStore, forecastOf, lookUp } from '../platform/look-up-store.conformance.ts'

const url = inject('redisUrl') ?? ''
const withRedis = describe.skipIf(url === '')
const logger = pino({ level: 'silent' })

async function empty(redis: Redis): Promise<void> {
  const keys = await redis.keys(`velocast:{town-${process.pid}-*`)
  if (keys.length > 0) await redis.del(keys)
  redis.disconnect()
}

withRedis('where a Redis server can be had', () => {
  describeLookUpStore('redis', async () => {
    const store = openRedisLookUpStore({ url, logger })
    return {
      store,
      async close() {
        await store.close()
        await empty(new Redis(url))
      },
    }
  })

  test('any client reads a station with HGETALL, as the contract says, and every key of a look-up has a time to live', async () => {
    const store = openRedisLookUpStore({ url, logger })
    const redis = new Redis(url)
    const system = `town-${process.pid}-plain`
    try {
      const row = lookUp(system, '1002059045', { docks: null })
      row.forecast = forecastOf(row, [
        {
          horizon_min: 15,
          target_utc: row.tbin_utc + 900_000,
          bikes_mean: 3.5,
          bikes_median: 4,
          docks_mean: null,
          docks_median: null,
          bikes_q10: null,
          bikes_q50: null,
          bikes_q90: null,
          p_bike: null,
          p_dock: null,
          model_version: 'persistence@0.1.0',
        },
      ])
      const state = {
        system,
        source: 'simulate' as const,
        poll_id: 'poll-7',
        outcome: 'ok',
        tbin_utc: row.tbin_utc,
        ts_utc: row.ts_utc,
        fetched_utc: row.ts_utc,
        stations: 1,
        stale: false,
        withheld: false,
        horizons: [15],
        model_versions: { '15': 'persistence@0.1.0' },
      }
      await store.publish({ system: state, rows: [row], ttlSeconds: 600 })
      expect(await redis.hgetall(`velocast:{${system}}:forecast:1002059045`)).toEqual({
        system,
        station_id: '1002059045',
        name: 'Place d’Italie | "13e"',
        lat: '48.83',
        lon: '-2.355',
        capacity: '30',
        bikes: '4',
        mechanical: '3',
        ebike: '1',
        in_service: 'true',
        ts_utc: '2023-11-14T22:16:01.500Z',
        tbin_utc: '2023-11-14T22:15:00.000Z',
        source: 'simulate',
        simulated: 'true',
        poll_id: 'poll-7',
        predicted_utc: '2023-11-14T22:16:15.250Z',
        valid_until: '2023-11-14T23:16:01.500Z',
        stale: 'false',
        h15_target_utc: '2023-11-14T22:30:00.000Z',
        h15_bikes_mean: '3.5',
        h15_bikes_median: '4',
        h15_model_version: 'persistence@0.1.0',
      })
      expect(await redis.sismember('velocast:systems', system)).toBe(1)
      for (const end of ['forecast:1002059045', 'meta', 'forecast-stations', 'forecast-newest']) {
        const ttl = await redis.ttl(`velocast:{${system}}:${end}`)
        expect(ttl, end).toBeGreaterThan(500)
      }
    } finally {
      await redis.srem('velocast:systems', system)
      await store.close()
      await empty(redis)
    }
  })

  test('a server that is not there is look_up_store_unreachable, retryable', async () => {
    const store = openRedisLookUpStore({ url: 'redis://127.0.0.1:1', logger })
    const failed = store.station('town', 'a')
    await expect(failed).rejects.toMatchObject({ code: 'look_up_store_unreachable', retryable: true })
    await store.close()
  })
})
