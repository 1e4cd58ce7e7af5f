import { Redis } from 'ioredis'
import { pino } from 'pino'
import { describe, expect, inject, test } from 'vitest'
import { BIN_MS } from '../../services/domain/bin.ts'
import { createForecastService } from '../../services/forecast/service.ts'
import { openRedisLookUpStore } from '../../services/platform/look-up-store/redis.ts'
import { openRedisWindowStore } from '../../services/platform/window-store/redis.ts'
import { createWindowsService } from '../../services/windows/service.ts'
import { BIN } from '../domain/observations.ts'
import {
  openPlatform,
  type Poll,
  pollOf,
  publishPolls,
  readForecasts,
  readUpdates,
  runThrough,
  settled,
  type TestPlatform,
  town,
} from '../windows/pipeline.ts'

const url = inject('redisUrl') ?? ''
const logger = pino({ level: 'silent' })
const system = `town-${process.pid}-whole`

function polls(from: number, to: number): Poll[] {
  return Array.from({ length: to - from }, (_, step) => {
    const place = from + step
    const bikes = Object.fromEntries(
      Array.from({ length: 40 }, (_, station) => [`s${station}`, (place * station) % 30]),
    )
    return pollOf({
      system,
      poll_id: `poll-${String(place).padStart(3, '0')}`,
      ts_utc: BIN + place * (BIN_MS / 2),
      bikes,
    })
  })
}

async function onRedis(): Promise<TestPlatform> {
  return openPlatform(
    { systems: [town(system)] },
    {
      windows: openRedisWindowStore({ url, ttlMs: 600_000, logger }),
      lookUps: openRedisLookUpStore({ url, logger }),
    },
  )
}

async function flush(): Promise<void> {
  const redis = new Redis(url)
  const keys = await redis.keys(`velocast:{${system}}*`)
  if (keys.length > 0) await redis.del(keys)
  redis.disconnect()
}

describe.skipIf(url === '')('windows and forecasts on redis', () => {
  test('give what they give in memory, with redis emptied in the middle of the run and before a restart', async () => {
    const memory = await openPlatform({ systems: [town(system)] })
    await publishPolls(memory, polls(0, 40))
    await runThrough(createWindowsService(memory))
    await runThrough(createForecastService(memory))

    await flush()
    const redis = await onRedis()
    try {
      const windows = createWindowsService(redis)
      const forecast = createForecastService(redis)
      await windows.start()
      await forecast.start()
      for (const [from, to] of [
        [0, 10],
        [10, 20],
      ] as const) {
        await publishPolls(redis, polls(from, to))
        await settled(windows)
        await settled(forecast)
        await flush()
      }
      await windows.close()
      await forecast.close()
      await publishPolls(redis, polls(20, 40))
      await runThrough(createWindowsService(redis.again()))
      await runThrough(createForecastService(redis.again()))

      expect(await readUpdates(redis)).toEqual(await readUpdates(memory))
      expect(await readForecasts(redis)).toEqual(await readForecasts(memory))
      expect(await redis.windows.load(system)).toEqual(await memory.windows.load(system))
      expect(await redis.lookUps.stations(system)).toEqual(await memory.lookUps.stations(system))
    } finally {
      await redis.windows.close()
      await redis.lookUps.close()
      const connection = new Redis(url)
      await connection.srem('velocast:systems', system)
      connection.disconnect()
      await flush()
    }
  })
})
