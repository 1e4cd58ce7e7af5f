/**
 * Guards against what only separate processes on real servers can get wrong: an owner that is killed with its
 * partitions in mid-work, the next one that begins from what is durable, and locks, leases and sessions that the dead
 * leave behind.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Found, judge, summary } from './history.ts'
import { wholeRun } from './kill-campaign.ts'
import { type Members, startMembers } from './members.ts'
import { seededRandom } from './pipeline-run.ts'
import type { ServiceName } from './process-plan.ts'
import { type Recordings, recordSystems } from './recordings.ts'
import { type Servers, startServers } from './servers.ts'
import { FULL, SEED, scratchDirectory } from './tier.ts'

const KILLS = FULL ? 60 : 10
const FLEET: readonly ServiceName[] = ['monitor', 'sink', 'sink', 'forecast', 'windows', 'windows', 'ingest']

let directory: string
let recordings: Recordings
let whole: Found
let servers: Servers
let members: Members

beforeAll(async () => {
  directory = scratchDirectory('kills-apart')
  recordings = await recordSystems({
    directory: join(directory, 'recordings'),
    seed: SEED,
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

test(
  `${KILLS} kill -9 of services in processes of their own, during a replay of 12 systems, leave what a whole run leaves (seed ${SEED})`,
  async () => {
    const random = seededRandom(SEED)
    members = startMembers({ recordings, servers, data: join(directory, 'data') })
    for (const service of FLEET) await members.start(service).process.started
    const killed: ServiceName[] = []
    while (killed.length < KILLS) {
      await sleep(300 + random() * 1_700)
      const alive = members.all.filter(({ process }) => process.child.exitCode === null)
      const member = alive[Math.floor(random() * alive.length)]!
      killed.push(member.service)
      await members.replace(member)
    }
    mkdirSync(join(directory, 'found'))
    const found = await members.finish(join(directory, 'found'))
    const violations = judge({ sent: recordings.sent, found, reference: whole.contents })
    expect(summary(violations), `after kills of ${killed}`).toEqual({})
  },
  FULL ? 1_800_000 : 600_000,
)
