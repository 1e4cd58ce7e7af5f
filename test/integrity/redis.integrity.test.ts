/**
 * Guards against a Redis that forgets in part: keys that it evicted, and the last writes that a replica did not have when
 * it was promoted - what is there looks whole, and only who wrote it can know better.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventLog } from '../../services/platform/event-log/port.ts'
import { type RedisServer, startRedis } from '../stack/redis.ts'
import { type Found, judge, summary } from './history.ts'
import { wholeRun } from './kill-campaign.ts'
import { type Members, startMembers } from './members.ts'
import { openTestLog } from './newer-writer.ts'
import type { ServiceName } from './process-plan.ts'
import { type Progress, progressOf } from './progress.ts'
import { type Recordings, recordSystems } from './recordings.ts'
import { startWiredServers, type WiredServers } from './servers.ts'
import { FULL, SEED, scratchDirectory } from './tier.ts'
import { until } from './until.ts'

/** So slow that the recordings outlast what befalls. */
const SPEED = 6
const EVICTIONS = FULL ? 10 : 2
const FLEET: readonly ServiceName[] = ['monitor', 'sink', 'forecast', 'windows', 'ingest']

let directory: string
let recordings: Recordings
let whole: Found
let servers: WiredServers
let replica: RedisServer
let members: Members
let log: EventLog
let progress: Progress
const clients: Redis[] = []

beforeAll(async () => {
  directory = scratchDirectory('redis')
  recordings = await recordSystems({
    directory: join(directory, 'recordings'),
    seed: SEED + 7,
    start: Date.UTC(2026, 2, 10, 23, 10),
    minutes: 75,
    pollSeconds: 120,
  })
  whole = await wholeRun(recordings, join(directory, 'whole'))
  servers = await startWiredServers()
  replica = await startRedis()
  log = openTestLog(servers.kafka.brokers)
}, 1_800_000)

afterAll(async () => {
  await members?.killAll()
  for (const client of clients) client.disconnect()
  await log?.close()
  await Promise.all([servers?.stop(), replica?.stop()])
  rmSync(directory, { recursive: true, force: true })
})

function open(url: string): Redis {
  const client = new Redis(url)
  clients.push(client)
  return client
}

/** Keys that hold what was computed: any of them may be evicted. */
async function keysOf(redis: Redis): Promise<string[]> {
  return (await redis.keys('velocast:*')).sort()
}

/** Deletes keys as eviction does, some of every kind, and waits until the services have put them all back. */
async function evict(redis: Redis, round: number): Promise<void> {
  const keys = await keysOf(redis)
  const windows = keys.filter((key) => key.includes(':window:'))
  expect(windows.length).toBeGreaterThan(200)
  const evicted = keys.filter((_, place) => place % 3 === round % 3)
  expect(await redis.del(evicted)).toBe(evicted.length)
  const lasting = evicted.filter((key) => !key.endsWith('window-epoch'))
  await until('all that was evicted is back', async () => {
    progress.noneEnded()
    return (await redis.exists(lasting)) === lasting.length
  })
}

/** The primary is gone, and the replica that takes its place lacks its last writes. */
async function failOver(primary: Redis, promoted: Redis): Promise<void> {
  await promoted.replicaof('127.0.0.1', servers.redis.port)
  const written = async (client: Redis): Promise<number> => {
    const counts = await client.mget(recordings.systems.map(({ id }) => `velocast:{${id}}:window-writes`))
    return counts.reduce((sum, count) => sum + Number(count), 0)
  }
  await until('the replica follows', async () => {
    const linked = (await promoted.info('replication')).includes('master_link_status:up')
    return linked && (await written(promoted)) > 0
  })
  await promoted.replicaof('NO', 'ONE')
  await until('the replica is a primary', async () =>
    (await promoted.info('replication')).includes('role:master'),
  )
  await progress.workGoesOn('where the replica does not follow any more')
  expect(await written(primary)).toBeGreaterThan(await written(promoted))
  await servers.wire.redis.fail('refuse')
  await servers.redis.kill()
  await servers.wire.redis.redirect(`127.0.0.1:${replica.port}`)
}

test(
  `keys evicted, and a replica promoted that lacks the last writes, during a replay of 12 systems: all comes back, no process ends, and what they leave is whole (seed ${SEED})`,
  async () => {
    members = startMembers({ recordings, servers, data: join(directory, 'data') })
    progress = progressOf({ log, members })
    for (const service of FLEET) {
      await members.start(service, service === 'ingest' ? { speed: SPEED } : {}).process.started
    }
    const primary = open(servers.redis.url)
    const promoted = open(replica.url)
    primary.on('error', () => {})
    await until('every system has windows and look-ups', async () => {
      const keys = await keysOf(primary)
      return recordings.systems.every(({ id }) =>
        [`velocast:{${id}}:window-stations`, `velocast:{${id}}:meta`].every((key) => keys.includes(key)),
      )
    })
    for (let round = 0; round < EVICTIONS; round++) {
      await progress.workGoesOn(`before eviction ${round + 1}`)
      await evict(primary, round)
    }
    await failOver(primary, promoted)
    await progress.workGoesOn('on the promoted replica')
    const found = await members.hurry(join(directory, 'found'))
    expect(summary(judge({ sent: recordings.sent, found, reference: whole.contents }))).toEqual({})
  },
  FULL ? 2_400_000 : 1_800_000,
)
