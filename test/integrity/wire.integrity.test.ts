/**
 * Guards against a wire that is worse than a server that is gone: one that takes requests and gives no answer, half of
 * one, or a late one - so that an effect is there of which its caller does not know - and against retries that pile up.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventLog } from '../../services/platform/event-log/port.ts'
import { processMb } from '../process-memory.ts'
import { type WireFault, wireFaults } from '../stack/toxiproxy.ts'
import { type Found, judge, summary } from './history.ts'
import { wholeRun } from './kill-campaign.ts'
import { type Members, startMembers } from './members.ts'
import { type NewerWriter, openNewerWriter, openTestLog } from './newer-writer.ts'
import type { ServiceName } from './process-plan.ts'
import { FORECAST, type Progress, progressOf, type Reading, WINDOWS } from './progress.ts'
import { type Recordings, recordSystems } from './recordings.ts'
import { SERVER_NAMES, type ServerName, startWiredServers, type WiredServers } from './servers.ts'
import { FULL, SEED, scratchDirectory } from './tier.ts'
import { until } from './until.ts'
import { isWhole, probe, shows } from './wire-probe.ts'

const OUTAGE_MS = FULL ? 60_000 : 5_000
/** So slow that the recordings outlast the faults, on a busy machine too: 40 minutes, 16 in the short form. */
const SPEED = FULL ? 6 : 5
const MINUTES = FULL ? 240 : 80
const FLEET: readonly ServiceName[] = ['monitor', 'sink', 'forecast', 'windows', 'ingest']
/** What a service may take during an outage beyond the most that it took before: generous, for heaps that still settle. */
const GROWTH_MB = 128

let directory: string
let recordings: Recordings
let whole: Found
let servers: WiredServers
let members: Members
let log: EventLog
let writer: NewerWriter
let progress: Progress

beforeAll(async () => {
  directory = scratchDirectory('wire')
  recordings = await recordSystems({
    directory: join(directory, 'recordings'),
    seed: SEED + 5,
    start: Date.UTC(2026, 2, 10, 23, 10),
    minutes: MINUTES,
    pollSeconds: 120,
  })
  whole = await wholeRun(recordings, join(directory, 'whole'))
  servers = await startWiredServers()
  log = openTestLog(servers.kafka.brokers)
}, 1_800_000)

afterAll(async () => {
  await members?.killAll()
  await writer?.close()
  await log?.close()
  await servers?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** Who commits nothing while a server is away, for every record needs it. */
const HELD_UP: Record<ServerName, Reading> = {
  kafka: WINDOWS,
  registry: WINDOWS,
  redis: WINDOWS,
  gcs: FORECAST,
}

/** The most resident memory of each service so far, MB. */
const most = new Map<ServiceName, number>()

/** Looks at the memory; gives the services that take more than `limits` allows. */
function fatter(limits?: ReadonlyMap<ServiceName, number>): string[] {
  return members.all.flatMap(({ service, process }) => {
    const megabytes = processMb(process.child.pid!, 'VmRSS')
    if (megabytes === null) throw new Error(`${service} has ended`)
    most.set(service, Math.max(megabytes, most.get(service) ?? 0))
    const limit = (limits?.get(service) ?? megabytes) + GROWTH_MB
    return megabytes > limit ? [`${service}: ${Math.round(megabytes)} MB`] : []
  })
}

/** One fault of one wire, from work that goes on to work that goes on again. Gives what went wrong meanwhile. */
async function befall(name: ServerName, fault: WireFault): Promise<string[]> {
  const wire = servers.wire[name]
  const wrong: string[] = []
  await progress.workGoesOn(`before ${name} has to ${fault}`)
  fatter()
  const limits = new Map(most)
  await wire.fail(fault)
  const began = performance.now()
  const seen = await probe(name, wire)
  if (!shows(name, fault, seen)) wrong.push(`the wire brought ${JSON.stringify(seen)}`)
  // Only a schema that is new makes a service ask the registry.
  const asking = name === 'registry' ? await writer.republish() : null
  const commits: number[] = []
  while (performance.now() - began < OUTAGE_MS || commits.length < 4) {
    commits.push(await progress.committed(HELD_UP[name], asking?.partition))
    wrong.push(...fatter(limits))
    await sleep(OUTAGE_MS / 25)
  }
  const late = commits.slice(Math.floor(commits.length / 2))
  const moved = late.at(-1)! - late[0]!
  if (fault === 'slow') await progress.workGoesOn(`while ${name} is slow`)
  else if (moved > 0) wrong.push(`${HELD_UP[name][0]} committed ${moved} records all the same`)
  if (asking !== null && fault !== 'slow' && late.at(-1)! >= asking.offset)
    wrong.push('records of an unknown schema were read')
  await wire.heal()
  await until(`${name} can be reached after ${fault}`, async () => isWhole(name, await probe(name, wire)))
  await progress.workGoesOn(`after ${name} had to ${fault}`)
  if (asking !== null) {
    const { partition, offset } = asking
    await until(
      'the records of a new schema are read',
      async () => (await progress.committed(WINDOWS, partition)) >= offset,
    )
  }
  return [...new Set(wrong)].map((what) => `${name} ${fault}: ${what}`)
}

test(
  `each server in turn, over a wire that refuses, hangs, resets, is slow and cuts answers for ${OUTAGE_MS / 1000} s: no process ends or grows, and what they leave is whole (seed ${SEED})`,
  async () => {
    members = startMembers({ recordings, servers, data: join(directory, 'data') })
    progress = progressOf({ log, members })
    for (const service of FLEET) {
      await members.start(service, service === 'ingest' ? { speed: SPEED } : {}).process.started
    }
    writer = await openNewerWriter({ log, registryUrl: servers.registry.url })
    const wrong: string[] = []
    for (const name of SERVER_NAMES) {
      for (const fault of wireFaults) wrong.push(...(await befall(name, fault)))
    }
    progress.noneEnded()
    expect(wrong).toEqual([])
    const found = await members.hurry(join(directory, 'found'))
    expect(summary(judge({ sent: recordings.sent, found, reference: whole.contents }))).toEqual({})
  },
  FULL ? 5_400_000 : 2_400_000,
)
