/**
 * Guards against an upgrade that must be done all at once: services of a later version, whose records have one more field,
 * beside those of the version before, each reading what the other writes, and a way back.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventLog } from '../../services/platform/event-log/port.ts'
import { subjectOf } from '../../services/platform/event-log/topic-records.ts'
import { GROUPS, TOPICS } from '../../services/platform/topics.ts'
import { kafkaClient } from '../stack/kafka-client.ts'
import { type Found, judge, summary } from './history.ts'
import { wholeRun } from './kill-campaign.ts'
import { type Members, startMembers } from './members.ts'
import { openTestLog } from './newer-writer.ts'
import type { ServiceName } from './process-plan.ts'
import { progressOf } from './progress.ts'
import { type Recordings, recordSystems } from './recordings.ts'
import { type Servers, startServers } from './servers.ts'
import { SEED, scratchDirectory } from './tier.ts'
import { until } from './until.ts'

/** So slow that the recordings outlast the upgrade. */
const SPEED = 6
const READERS = ['monitor', 'sink', 'forecast', 'windows'] as const
const FLEET: readonly ServiceName[] = [...READERS, 'ingest']
const VERSION = 2

let directory: string
let recordings: Recordings
let whole: Found
let servers: Servers
let members: Members
let log: EventLog

beforeAll(async () => {
  directory = scratchDirectory('upgrade')
  recordings = await recordSystems({
    directory: join(directory, 'recordings'),
    seed: SEED + 8,
    start: Date.UTC(2026, 2, 10, 23, 10),
    minutes: 75,
    pollSeconds: 120,
  })
  whole = await wholeRun(recordings, join(directory, 'whole'))
  servers = await startServers()
  log = openTestLog(servers.kafka.brokers)
}, 1_800_000)

afterAll(async () => {
  await members?.killAll()
  await log?.close()
  await servers?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** How many partitions each member of a group has. */
async function shares(group: string): Promise<number[]> {
  const admin = kafkaClient(servers.kafka.brokers).admin()
  await admin.connect()
  try {
    const { groups } = await admin.describeGroups([group])
    return groups[0]!.members.map(({ memberAssignment }) => {
      if (memberAssignment.length === 0) return 0
      const assignment = kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {}
      return Object.values(assignment).flat().length
    })
  } finally {
    await admin.disconnect()
  }
}

async function versionsOf(topic: string, name: Parameters<typeof subjectOf>[1]): Promise<number[]> {
  const answer = await fetch(`${servers.registry.url}/subjects/${subjectOf(topic, name)}/versions`)
  return (await answer.json()) as number[]
}

test(`a later version beside the one before, each reading what the other writes, and back again: no process ends, and what they leave is whole (seed ${SEED})`, async () => {
  members = startMembers({ recordings, servers, data: join(directory, 'data') })
  const progress = progressOf({ log, members })
  for (const service of FLEET) {
    await members.start(service, service === 'ingest' ? { speed: SPEED } : {}).process.started
  }
  const before = [...members.all]
  const old = (service: ServiceName) => before.find((member) => member.service === service)!
  await progress.workGoesOn('in the version before')
  expect(await versionsOf(TOPICS.status, 'StationObservation')).toEqual([1])

  for (const service of READERS) await members.start(service, { version: VERSION }).process.started
  for (const service of READERS) {
    await until(`both versions of ${service} have partitions`, async () => {
      const shared = await shares(GROUPS[service])
      return shared.length === 2 && shared.every((count) => count > 0)
    })
  }
  await progress.workGoesOn('with readers of both versions, and a writer of the one before')

  await members.stop(old('ingest'))
  await members.start('ingest', { version: VERSION, speed: SPEED }).process.started
  await progress.workGoesOn('with readers of both versions, and a later writer')
  for (const [topic, name] of [
    [TOPICS.status, 'StationObservation'],
    [TOPICS.status, 'PollRecord'],
    [TOPICS.windowUpdates, 'WindowUpdate'],
    [TOPICS.forecasts, 'Forecast'],
  ] as const) {
    expect(await versionsOf(topic, name), name).toEqual([1, 2])
  }

  for (const service of READERS) await members.stop(old(service))
  await progress.workGoesOn('in the later version alone')
  // What finishes is of the version before: the way back.
  const found = await members.hurry(join(directory, 'found'))
  expect(summary(judge({ sent: recordings.sent, found, reference: whole.contents }))).toEqual({})
  const letters = await log.lag('integrity-nobody', [TOPICS.deadLetters])
  // What a feed sent that is malformed is refused by ingest; no reader refused a record for its schema.
  expect(await refusedRecords(letters.reduce((sum, { end }) => sum + end, 0))).toEqual([])
}, 1_800_000)

/** Error codes of dead letters that are about records, of `count` letters. */
async function refusedRecords(count: number): Promise<string[]> {
  const codes: string[] = []
  const subscription = await log.subscribe({
    group: 'integrity-letters',
    transient: true,
    topics: [TOPICS.deadLetters],
    async batch({ records }) {
      codes.push(...records.map(({ headers }) => String(headers.dl_code)))
    },
  })
  await until('all dead letters are read', () => codes.length >= count)
  await subscription.close()
  return codes.filter((code) => /^(record|schema)_/.test(code))
}
