import { expect, test } from 'vitest'
import { configSchema } from '../../services/platform/config.ts'
import { VelocastError } from '../../services/platform/errors.ts'
import { partitionOf } from '../../services/platform/event-log/partitioner.ts'
import { TOPICS } from '../../services/platform/topics.ts'
import { planRebuild } from '../../services/windows/rebuild.ts'
import { ManualClock } from '../ingest/manual-clock.ts'

const PARTITIONS = 3
const SYSTEMS = Array.from({ length: 40 }, (_, place) => `town-${place}`)

/** Where to begin when the store gives this for a system; and which systems it was asked for. */
async function positions(load: (system: string) => Map<string, Buffer>) {
  const asked: string[] = []
  const topic = TOPICS.status
  const each = <T>(make: (partition: number) => T): T[] =>
    Array.from({ length: PARTITIONS }, (_, partition) => make(partition))
  const { starts: found, short } = await planRebuild({
    platform: {
      config: configSchema.parse({
        systems: SYSTEMS.map((id) => ({ id, discovery_url: 'http://127.0.0.1/gbfs.json' })),
      }),
      clock: new ManualClock(0),
      log: {
        lag: async () => each((partition) => ({ topic, partition, committed: 50, end: 60 })),
        offsetsAt: async (_topic: string, appended: number) =>
          each((partition) => ({ topic, partition, offset: appended === 0 && partition === 2 ? 3 : 10 })),
      } as never,
      windows: {
        load: async (system: string) => {
          asked.push(system)
          return load(system)
        },
      } as never,
    },
    assignment: { epoch: 1, partitions: each((partition) => ({ topic, partition, committed: 50 })) },
  })
  return { found, asked, short }
}

test('a store that does not answer is asked once, whatever the number of systems, and taken as emptied', async () => {
  const { found, asked } = await positions(() => {
    throw new VelocastError({ code: 'window_store_unreachable', retryable: true, message: 'redis is down' })
  })
  expect(asked).toEqual([SYSTEMS[0]])
  expect(found.map(({ partition, offset }) => [partition, offset])).toEqual([
    [0, 10],
    [1, 10],
    [2, 10],
  ])
})

test('a partition whose oldest record is younger than a ring reaches back is short', async () => {
  const { short } = await positions(() => new Map([['station', Buffer.alloc(1)]]))
  expect([...short]).toEqual([0, 1])
})

test('only the partitions of systems without windows are read again', async () => {
  const [lost = ''] = SYSTEMS
  const { found } = await positions((system) =>
    system === lost ? new Map() : new Map([['station', Buffer.alloc(1)]]),
  )
  expect(found.map(({ partition }) => partition)).toEqual([partitionOf(lost, PARTITIONS)])
})
