/**
 * Guards against an outage that outlives itself: a service that ends, spins or stays stuck when a server it needs
 * refuses, hangs or comes back empty, and against what is lost or done twice meanwhile.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Found, judge, summary } from './history.ts'
import { wholeRun } from './kill-campaign.ts'
import { type Members, startMembers } from './members.ts'
import type { ServiceName } from './process-plan.ts'
import { type Recordings, recordSystems } from './recordings.ts'
import { type Servers, startServers } from './servers.ts'
import { FULL, SEED, scratchDirectory } from './tier.ts'

const OUTAGE_MS = FULL ? 60_000 : 5_000
const BETWEEN_MS = FULL ? 5_000 : 1_500
const FLEET: readonly ServiceName[] = ['monitor', 'sink', 'forecast', 'windows', 'ingest']

let directory: string
let recordings: Recordings
let whole: Found
let servers: Servers
let members: Members

beforeAll(async () => {
  directory = scratchDirectory('outages')
  recordings = await recordSystems({
    directory: join(directory, 'recordings'),
    seed: SEED + 3,
    start: Date.UTC(2026, 2, 10, 22, 50),
    minutes: FULL ? 240 : 90,
    pollSeconds: 100,
  })
  whole = await wholeRun(recordings, join(directory, 'whole'))
  servers = await startServers()
}, 300_000)

afterAll(async () => {
  await members?.killAll()
  await servers?.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function emptied(url: string): Promise<void> {
  const redis = new Redis(url)
  await redis.flushall()
  redis.disconnect()
}

test(
  'every server in turn hangs, dies and comes back, redis empty too: no process ends, and what they leave is whole',
  async () => {
    members = startMembers({ recordings, servers, data: join(directory, 'data') })
    for (const service of FLEET) await members.start(service).process.started
    const running = [...members.all]
    const { redis, registry, gcs, kafka } = servers
    for (const server of [redis, gcs, kafka]) {
      server.pause()
      await sleep(OUTAGE_MS)
      server.resume()
      await sleep(BETWEEN_MS)
    }
    for (const server of [redis, registry, kafka]) {
      await server.kill()
      await sleep(OUTAGE_MS)
      await server.restart()
      await sleep(BETWEEN_MS)
    }
    await emptied(redis.url)
    // Ingest alone may have ended, when its recordings have.
    const gone = running.filter(
      ({ service, process: { child } }) =>
        child.exitCode !== null && (service !== 'ingest' || child.exitCode !== 0),
    )
    const outputs = await Promise.all(gone.map(async ({ process }) => (await process.ended).output))
    expect(
      gone.map(({ service }) => service),
      outputs.join('\n').slice(-3_000),
    ).toEqual([])
    mkdirSync(join(directory, 'found'))
    const found = await members.finish(join(directory, 'found'))
    // Redis forgot the look-ups and windows of systems that had ended by then.
    const kept = (contents: Found['contents']): Found['contents'] =>
      Object.fromEntries(Object.entries(contents).filter(([path]) => !/^(look-up|window) /.test(path)))
    const violations = judge({
      sent: recordings.sent,
      found: { ...found, contents: kept(found.contents) },
      reference: kept(whole.contents),
    }).filter(({ rule }) => rule !== 'window lost')
    expect(summary(violations)).toEqual({})
  },
  FULL ? 1_800_000 : 600_000,
)
