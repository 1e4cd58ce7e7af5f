import { pino } from 'pino'
import { SystemWindow } from '../../services/domain/system-window.ts'
import { openMemoryWindowStore } from '../../services/platform/window-store/memory.ts'
import type { WindowStore } from '../../services/platform/window-store/port.ts'
import { openRedisWindowStore } from '../../services/platform/window-store/redis.ts'
import { startRedis } from '../stack/redis.ts'
import { type Benchmark, type Figure, milliseconds, timed } from './benchmark.ts'
import { CITY, cityPolls, observationsOf } from './simulated-city.ts'

/** One poll of 1,500 stations into the window store, and every window out of it. */
export const windows: Benchmark = {
  name: 'windows',
  async run({ quick }) {
    const redis = await startRedis()
    try {
      const store = openRedisWindowStore({
        url: redis.url,
        ttlMs: 600_000,
        logger: pino({ level: 'silent' }),
      })
      const real = await measure('Redis', store, quick)
      const memory = await measure('memory', openMemoryWindowStore(), quick)
      return [...real, ...memory]
    } finally {
      await redis.stop()
    }
  },
}

async function measure(kind: string, store: WindowStore, quick: boolean): Promise<Figure[]> {
  const runs = quick ? 10 : 60
  const polls = [...cityPolls({ polls: runs + 6 })].map(observationsOf)
  const window = new SystemWindow(CITY)
  const epoch = await store.claim(CITY)
  window.merge(polls[0]!)
  await store.restore({ system: CITY, epoch, newestBin: window.newestBin!, rings: window.packed() })
  const written = await timed({
    runs,
    warm: 5,
    work: async (run) => {
      const { writes } = window.merge(polls[run + 1]!)
      await store.write({ system: CITY, epoch, newestBin: window.newestBin!, writes })
    },
  })
  const again = new SystemWindow(CITY)
  const merged = await timed({
    runs,
    warm: 5,
    clock: 'processor',
    work: (run) => again.merge(polls[run]!),
  })
  const ids = polls[0]!.map(({ station_id }) => station_id)
  const read = await timed({ runs, warm: 5, work: () => store.read(CITY, ids) })
  await store.close()
  const real = kind === 'Redis'
  return [
    ...(real
      ? [{ work: 'the merge alone, processor time', asked: '', aim: '', measured: milliseconds(merged) }]
      : []),
    {
      work: `poll of 1,500 stations merged and into ${kind}, with the epoch and newness check`,
      asked: real ? '20 ms' : '',
      aim: real ? '10 ms' : '',
      measured: milliseconds(written),
    },
    {
      work: `all 1,500 windows read from ${kind}`,
      asked: real ? '15 ms' : '',
      aim: real ? '12 ms' : '',
      measured: milliseconds(read),
    },
  ]
}
