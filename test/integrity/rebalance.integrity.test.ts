/**
 * Guards against what moves with partitions: a gap between two owners, a commit that goes backwards, and a zombie - an
 * owner that slept through its session and wakes up with state and writes of an epoch that is over.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPlatform } from '../../services/cli/composition.ts'
import { configSchema } from '../../services/platform/config.ts'
import type { EventLog } from '../../services/platform/event-log/port.ts'
import { GROUPS, TOPICS } from '../../services/platform/topics.ts'
import { type Found, judge, summary } from './history.ts'
import { wholeRun } from './kill-campaign.ts'
import { type Members, startMembers } from './members.ts'
import type { ReaderName } from './process-plan.ts'
import { type Recordings, recordSystems } from './recordings.ts'
import { type Servers, startServers } from './servers.ts'
import { FULL, SEED, scratchDirectory } from './tier.ts'

/** How many members each group has, one number a storm's step. */
const STORM = FULL ? [2, 3, 1, 2, 3, 1, 2, 3, 1, 2] : [2, 3, 1, 2]
const STEP_MS = FULL ? 6_000 : 4_000
/** Longer than the session of six seconds. */
const SLEEP_MS = 9_000

let directory: string
let recordings: Recordings
let whole: Found
let servers: Servers
let members: Members
let watched: { log: EventLog; close(): Promise<void> }

beforeAll(async () => {
  directory = scratchDirectory('rebalance')
  recordings = await recordSystems({
    directory: join(directory, 'recordings'),
    seed: SEED + 2,
    start: Date.UTC(2026, 2, 10, 22, 50),
    minutes: FULL ? 240 : 90,
    pollSeconds: 100,
  })
  whole = await wholeRun(recordings, join(directory, 'whole'))
  servers = await startServers()
  const config = configSchema.parse(servers.config(recordings, join(directory, 'watching')))
  const { platform, close } = await openPlatform({ config, logger: pino({ level: 'silent' }) })
  watched = { log: platform.log, close }
}, 300_000)

afterAll(async () => {
  await members?.killAll()
  await watched?.close()
  await servers?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** Looks at the groups' committed offsets until told to end; gives every step backwards that it saw. */
function watchCommits(log: EventLog): { end(): Promise<{ seen: number; regressions: string[] }> } {
  const ending = new AbortController()
  const known = new Map<string, number>()
  const regressions: string[] = []
  const watching = (async () => {
    while (!ending.signal.aborted) {
      for (const [group, topic] of [
        [GROUPS.windows, TOPICS.status],
        [GROUPS.sink, TOPICS.status],
        [GROUPS.monitor, TOPICS.status],
        [GROUPS.forecast, TOPICS.windowUpdates],
      ] as const) {
        for (const { partition, committed } of await log.lag(group, [topic])) {
          const place = `${group} ${topic} ${partition}`
          if (committed === null) continue
          const before = known.get(place) ?? 0
          if (committed < before) regressions.push(`${place}: ${before} to ${committed}`)
          known.set(place, Math.max(committed, before))
        }
      }
      await sleep(250)
    }
  })()
  return {
    async end() {
      ending.abort()
      await watching
      return { seen: known.size, regressions }
    },
  }
}

describe('on kafka', () => {
  test(
    'members that come and go every few seconds, and one that sleeps through its session, leave what a whole run leaves',
    async () => {
      members = startMembers({ recordings, servers, data: join(directory, 'data') })
      // Stops itself between a part and its ledger, with everything in hand.
      const zombie = members.start('sink', {
        stopAt: { service: 'sink', step: 'parts_written', occurrence: 4 },
      })
      for (const service of ['monitor', 'forecast', 'windows'] as const)
        await members.start(service).process.started
      await members.start('sink').process.started
      await members.start('ingest').process.started
      const commits = watchCommits(watched.log)
      await sleep(SLEEP_MS)
      zombie.process.child.kill('SIGCONT')
      for (const size of STORM) {
        for (const service of ['windows', 'sink', 'forecast', 'monitor'] satisfies ReaderName[]) {
          const group = members.all.filter((member) => member.service === service)
          for (let more = group.length; more < size; more++) {
            members.start(service, { slowMs: { [service]: 30 } })
          }
          // The eldest go, in turns told and killed.
          for (const [place, member] of group.slice(0, Math.max(0, group.length - size)).entries()) {
            if (place % 2 === 0) await members.stop(member)
            else await members.replace(member).then((other) => members.stop(other))
          }
        }
        await sleep(STEP_MS)
      }
      mkdirSync(join(directory, 'found'))
      const found = await members.finish(join(directory, 'found'))
      const { seen, regressions } = await commits.end()
      expect(regressions).toEqual([])
      expect(seen).toBeGreaterThan(12)
      const { output } = await zombie.process.ended
      expect(output).toMatch(/claimed by another|log_stale_epoch|epoch of group/)
      expect(summary(judge({ sent: recordings.sent, found, reference: whole.contents }))).toEqual({})
    },
    FULL ? 900_000 : 600_000,
  )
})
